"""SQL of a user's own: it may ask the lake anything, and do nothing else.

Two walls. The connection is locked: no file outside the lake, no extension, no setting. And the
statement is parsed by DuckDB itself and must consist of SELECTs: DuckDB 2 has COPY and INSERT in
a WITH clause, which by its statement type is a SELECT too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_lake.queries.names import PARAM, pointer
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.quoting import glob_literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_TABLE_FUNCTIONS = {
    *("best", "aggregate", "sweep", "newest", "drawdowns", "deflated"),
    *("range", "generate_series", "unnest", "repeat", "json_each", "json_tree"),
    *("duckdb_columns", "duckdb_functions", "duckdb_tables", "duckdb_views", "pragma_table_info"),
}
_OWN_CONNECTION = "`lake.connect()` gives a connection of your own that may do more."
_EXTRACTORS = {"->>", "json_extract_string"}

Node = dict[str, Any]


def lock(connection: DuckDBPyConnection, root: Path) -> None:
    """Shut a connection into the lake's folder for good."""
    # Some questions name the folder as it is, others as the pattern that fits it alone.
    names = [root.as_posix(), glob_literal(root.as_posix())]
    connection.execute("set allowed_directories = [?, ?]", names)
    connection.execute("set temp_directory = ?", [(root / "_stage" / "spill").as_posix()])
    connection.execute(
        "set python_enable_replacements = false; set enable_external_access = false; "
        "set lock_configuration = true"
    )


def checked_select(connection: DuckDBPyConnection, text: str) -> str:
    """The one SELECT a user wrote, fit to stand in parentheses."""
    tree = _select(connection, text)
    spelt = _spell_parameters(connection, tree)
    if not (_read_numbers(tree) or spelt) and ";" not in text:
        return text
    written = _text(connection, tree)
    _select(connection, written)
    return written


def checked_condition(connection: DuckDBPyConnection, text: str) -> str:
    """The condition a user wrote, as one expression: no text can close our parentheses."""
    plain = _parse(connection, "select 1")
    condition = _condition(connection, text, plain)
    plain["statements"][0]["node"]["select_list"] = [{**condition, "alias": ""}]
    _spell_parameters(connection, plain)
    _read_numbers(plain)
    written = _text(connection, plain).removeprefix("SELECT ")
    _condition(connection, written, plain)
    return written


def _select(connection: DuckDBPyConnection, text: str) -> Node:
    tree = _parse(connection, text)
    if len(tree["statements"]) != 1:
        raise BadInput("one SELECT at a time, please.")
    _check(tree)
    return tree


def _condition(connection: DuckDBPyConnection, text: str, plain: Node) -> Node:
    """What a WHERE consists of, if it is all there is in the text beside `plain`, a bare SELECT."""
    try:
        tree = _parse(connection, f"select 1 from runs where (\n{text or ','}\n)")
    except BadInput as error:
        if ")" in text or not str(error).endswith('near ")"'):
            raise
        raise BadInput(
            f"where: {text!r} is not complete: something is missing at its end"
        ) from None
    node = tree["statements"][0]["node"]
    condition: Node | None = node.pop("where_clause", None)
    bare = plain["statements"][0]["node"]
    expected = {**bare, "from_table": None, "select_list": None}
    rest = {**node, "from_table": None, "select_list": None, "where_clause": None}
    if len(tree["statements"]) != 1 or condition is None or rest != expected:
        raise BadInput(f"where: {text!r} is not a condition, such as: total_trades > 30")
    _check(condition)
    return condition


def _parse(connection: DuckDBPyConnection, text: str) -> Node:
    found = connection.execute("select json_serialize_sql(?)", [text]).fetchall()
    tree: Node = json.loads(found[0][0])
    if not tree["error"]:
        return tree
    message = str(tree["error_message"])
    if "Only SELECT" in message:
        raise BadInput(f"only a SELECT can be asked here. {_OWN_CONNECTION}")
    raise BadInput(f"SQL: {message}")


def _text(connection: DuckDBPyConnection, tree: Node) -> str:
    """What DuckDB writes of a tree; whoever runs it checks it again."""
    found = connection.execute("select json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()
    return str(found[0][0])


def _check(tree: Node) -> None:
    for node in _walk(tree):
        kind = node.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _NODES:
            what = kind.removesuffix("_NODE").removesuffix("_QUERY")
            raise BadInput(
                f"{what} changes something: only a SELECT can be asked. {_OWN_CONNECTION}"
            )
        if kind == "TABLE_FUNCTION":
            name = str(node["function"]["function_name"]).lower()
            if name not in _TABLE_FUNCTIONS:
                raise BadInput(f"the table function {name} is not open here. {_OWN_CONNECTION}")


def _walk(tree: object) -> Iterator[Node]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _walk(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _walk(value)


def _spell_parameters(connection: DuckDBPyConnection, tree: Node) -> bool:
    """Let `param.fast`, as frames call it, and `params.fast` stand for `params ->> '/fast'`."""
    nodes = list(_walk(tree))
    taken = {node.get(key) for node in nodes for key in ("alias", "table_name", "key")}
    found = [(node, path) for node in nodes if (path := _path(node, taken))]
    if not found:
        return False
    shown = {
        id(node)
        for each in nodes
        if isinstance(each.get("select_list"), list)
        for node in each["select_list"]
    }
    extract = _parse(connection, "select params ->> '/'")["statements"][0]["node"]["select_list"][0]
    for node, path in found:
        spelt = json.loads(json.dumps(extract))
        spelt["arguments"][1]["expression"]["literal"]["text"] = pointer(path)
        named = PARAM + ".".join(path) if id(node) in shown else ""
        spelt["alias"] = node["alias"] or named
        node.clear()
        node.update(spelt)
    return True


def _path(node: Node, taken: set[Any]) -> list[str]:
    """The keys of a parameter that a column of a statement means, unless a table is called so."""
    if node.get("class") != "COLUMN_REF":
        return []
    first, *rest = node["column_names"]
    if not rest and first.startswith(PARAM):
        return [first.removeprefix(PARAM)]
    return rest if first in ("param", "params") and first not in taken else []


def _read_numbers(tree: Node) -> bool:
    """Let `params->>'fast' > 10` compare numbers: texts that are none count as NULL."""
    changed = False
    for node in list(_walk(tree)):
        for holder, key, others in _sides(node):
            if _is_extract(holder[key]) and all(map(_is_number, others)):
                holder[key] = _as_double(holder[key])
                changed = True
    return changed


def _sides(node: Node) -> Iterator[tuple[Any, Any, list[Any]]]:
    """Each side of a comparison: where it stands, and what it is compared with."""
    match node.get("class"):
        case "COMPARISON":
            yield node, "left", [node["right"]]
            yield node, "right", [node["left"]]
        case "BETWEEN":
            yield node, "input", [node["lower"], node["upper"]]
        case "OPERATOR" if node.get("type") in ("COMPARE_IN", "COMPARE_NOT_IN"):
            yield node["children"], 0, node["children"][1:]


def _is_extract(node: Node) -> bool:
    return node.get("class") == "FUNCTION" and node.get("function_name") in _EXTRACTORS


def _is_number(node: Node) -> bool:
    return node.get("class") == "CONSTANT" and node["literal"]["kind"] in ("INTEGER", "NUMERIC")


def _as_double(node: Node) -> Node:
    kind = {"class": "TYPE", "type": "TYPE", "alias": "", "catalog": "", "schema": ""}
    kind |= {"type_name": "double", "children": [], "qualified_name": {"path": ["double"]}}  # type: ignore[dict-item]
    return {
        "class": "CAST",
        "type": "OPERATOR_CAST",
        "alias": "",
        "child": {**node, "alias": ""},
        "try_cast": True,
        "type_expr": kind,
    }
