"""Conditions on parameters, such as `fast < slow`: read as a small language, never run as code."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from bt_lake.warehouse.errors import BadInput, UnknownName

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda value, values: value in values,
    ast.NotIn: lambda value, values: value not in values,
}
# No power: 9**9**9 would never end.
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda left, right: Fraction(left) / right,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_WHAT = "names, numbers, texts, + - * / // %, comparisons, in (...), and, or, not"
# Keeps the depth of nesting, and the size of what is multiplied, within bounds.
_LONGEST = 500


class Condition:
    """One condition; `holds` says whether values of parameters fulfil it."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > _LONGEST:
            raise BadInput(f"a condition has at most {_LONGEST:,} characters")
        try:
            self._root = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise BadInput(
                f"condition '{text}' is no expression; write one like fast < slow"
            ) from None
        self._refuse_all_but(self._root)
        self.names = {node.id for node in ast.walk(self._root) if isinstance(node, ast.Name)}

    def holds(self, values: Mapping[str, Any]) -> bool:
        try:
            return bool(_value(self._root, values))
        except KeyError as error:
            raise UnknownName.near("parameter", error.args[0], values) from None
        except ZeroDivisionError:
            return False
        except (TypeError, ValueError, OverflowError) as error:
            shown = ", ".join(f"{n}={values[n]!r}" for n in sorted(self.names) if n in values)
            raise BadInput(f"condition '{self.text}' makes no sense for {shown}: {error}") from None

    def _refuse_all_but(self, node: ast.AST) -> None:
        """Refuse what `_value` does not know, before any value is seen."""
        match node:
            case ast.Constant(value=int() | float() | str() | None) | ast.Name():
                parts: list[ast.AST] = []
            case ast.BoolOp(values=values):
                parts = [*values]
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=operand):
                parts = [operand]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                parts = [left, right]
            case ast.Compare(left=left, ops=ops, comparators=others) if all(
                type(op) in _COMPARE for op in ops
            ):
                parts = [left, *others]
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                parts = [*elements]
            case _:
                raise BadInput(f"condition '{self.text}' may hold only {_WHAT}")
        for part in parts:
            self._refuse_all_but(part)


def _value(node: ast.AST, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, values) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, values)
        case ast.UnaryOp(op=sign, operand=operand):
            return _SIGNS[type(sign)](_number(_value(operand, values)))
        case ast.BinOp(left=left, op=op, right=right):
            numbers = _number(_value(left, values)), _number(_value(right, values))
            return _ARITHMETIC[type(op)](*numbers)
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compare(_value(left, values), ops, [_value(each, values) for each in others])
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return [_value(element, values) for element in elements]
    raise AssertionError(f"unchecked node {node}")


def _compare(left: Any, ops: list[ast.cmpop], others: list[Any]) -> bool:
    if any(isinstance(each, Fraction) for each in (left, *others)):
        left, *others = map(_decimal, (left, *others))
    for op, right in zip(ops, others, strict=True):
        if not _COMPARE[type(op)](left, right):
            return False
        left = right
    return True


def _number(value: Any) -> Any:
    """Arithmetic is for numbers: 'x' * 10**9 would be a text that fills the memory."""
    if isinstance(value, (str, bytes, list, tuple, dict)) or value is None:
        raise TypeError(f"{value!r} is no number")
    return _decimal(value)


def _decimal(value: Any) -> Any:
    """A float as it is written, so that 0.3 * 3 is 0.9."""
    return Fraction(repr(value)) if type(value) is float else value
