"""Many lines of run documents at once: pyarrow reads curves and trades, `json` what is left.

The lists of a curve and the list of trades are cut out of each line, and a mark stands in their
place. What is left of the line is JSON and each piece is JSON, so the line is, and means what they
mean together. Where pyarrow refuses a piece, or could mean something else by it, nothing is read
here: `json` reads the whole line and says what is wrong, and where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.ingest import times
from bt_lake.ingest.rows import Rows
from bt_lake.warehouse.arrays import to_numpy
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import TRADES

if TYPE_CHECKING:
    import pyarrow as pa

Load = Callable[[bytes], Any]  # of JSON; raises BadInput
_MARK = b"\x7f"  # stands in no text of a line that is cut
_CURVE, _TRADES = re.compile(rb'"equity"\s*:\s*\{'), re.compile(rb'"trades"\s*:\s*\[')
_OF_TEXT = re.compile(rb'\[\s*"')


class Lines:
    """Lines of which the documents lack what was cut out, until `filled`."""

    def __init__(self, texts: Sequence[bytes], load: Load) -> None:
        self._load = load
        self._numbers: list[bytes] = []
        self._times: dict[bytes, int] = {}  # the curves of a sweep have the same
        self._trades: list[bytes] = []
        # Whose value under which name is the n-th of a kind.
        self._places: list[tuple[dict[str, Any], str, str, int]] = []
        self.documents = [self._document(text) for text in texts]

    def filled(self) -> bool:
        """Put everything in its place; False where a piece is odd."""
        found = {
            "numbers": _numbers(self._numbers),
            "times": _moments([*self._times]),
            "trades": _rows_of_trades(self._trades),
        }
        if None in found.values():
            return False
        for holder, name, kind, number in self._places:
            holder[name] = found[kind][number]  # type: ignore[index]
        return True

    def _document(self, text: bytes) -> Any:
        """What a line holds, or the error that says why it holds nothing."""
        rest, pieces = _cut(text)
        try:
            if pieces:
                document = self._load(rest)
                if self._has_placed(document, pieces):
                    return document
        except BadInput:
            pass  # the whole line says where it is wrong
        try:
            return self._load(text)
        except BadInput as error:
            return error

    def _has_placed(self, document: Any, pieces: Sequence[bytes]) -> bool:
        """Whether each mark stands for a list of the curve or for the trades."""
        if not isinstance(document, dict):
            return False
        curve = document.get("equity")
        values = [(curve, *item) for item in curve.items()] if isinstance(curve, dict) else []
        values.append((document, "trades", document.get("trades")))
        marked = [
            (holder, name, pieces[int(value[1:])])
            for holder, name, value in values
            if type(value) is str and value[:1] == "\x7f"
        ]
        if len(marked) < len(pieces):
            return False
        for holder, name, piece in marked:
            self._put(holder, name, piece, is_of_curve=holder is curve)
        return True

    def _put(self, holder: dict[str, Any], name: str, piece: bytes, *, is_of_curve: bool) -> None:
        has_text = bool(_OF_TEXT.match(piece))
        if not is_of_curve:
            self._places.append((holder, name, "trades", len(self._trades)))
            self._trades.append(piece)
        elif name == "ts" and has_text:
            number = self._times.setdefault(piece, len(self._times))
            self._places.append((holder, name, "times", number))
        elif name == "ts" or has_text:  # such as whole numbers, which may be nanoseconds
            holder[name] = self._load(piece)
        else:
            self._places.append((holder, name, "numbers", len(self._numbers)))
            self._numbers.append(piece)


def _cut(text: bytes) -> tuple[bytes, list[bytes]]:
    """A line with marks, and what stood in their places."""
    rest: list[bytes] = []
    pieces: list[bytes] = []
    at = 0
    for start, stop in sorted(_spans(text)) if _is_plain(text) else ():
        if start >= at:
            rest += (text[at:start], b'"%b%d"' % (_MARK, len(pieces)))
            pieces.append(text[start:stop])
            at = stop
    return b"".join((*rest, text[at:])), pieces


def _is_plain(text: bytes) -> bool:
    """UTF-8 in which a quotation mark always begins or ends a text."""
    try:
        return b"\\" not in text and _MARK not in text and (text.isascii() or bool(text.decode()))
    except UnicodeDecodeError:
        return False


def _spans(text: bytes) -> Iterator[tuple[int, int]]:
    """Where the lists of the curve seem to be, and that of the trades."""
    if found := _CURVE.search(text):
        at, end = found.end(), text.find(b"}", found.end())
        while (start := text.find(b"[", at, end)) >= 0 and (at := text.find(b"]", start, end) + 1):
            yield start, at
    if (found := _TRADES.search(text)) and (stop := text.find(b"]", found.end()) + 1):
        yield found.end() - 1, stop


def _numbers(pieces: Sequence[bytes]) -> list[Any] | None:
    import pyarrow as pa

    read = _read(pieces, pa.float64())
    if read is None or not _are_finite(read[0]):
        return None
    return _parts(to_numpy(read[0], np.float64, np.nan), read[1])


def _moments(pieces: Sequence[bytes]) -> list[Any] | None:
    import pyarrow as pa

    read = _read(pieces, pa.string())
    if read is None:
        return None
    micros, problems = times.parse(read[0])
    return None if problems else _parts(micros.view("datetime64[us]"), read[1])


def _rows_of_trades(pieces: Sequence[bytes]) -> list[Rows] | None:
    import pyarrow as pa

    read = _read(pieces, _trade())
    if read is None or read[0].null_count:
        return None
    names = [field.name for field in read[0].type]
    columns = dict(zip(names, read[0].flatten(), strict=True))
    columns = {name: values for name, values in columns.items() if values.null_count < len(values)}
    if not all(_are_finite(values) for values in columns.values() if values.type == pa.float64()):
        return None
    return [Rows(columns, start, stop) for start, stop in pairwise(read[1])]


def _read(pieces: Sequence[bytes], kind: pa.DataType) -> tuple[pa.Array, list[int]] | None:
    """The values of these lists, one after the other, and where each list begins and ends."""
    import pyarrow as pa

    if not pieces:
        return pa.nulls(0, kind), [0]  # `array` imports pandas
    from pyarrow import json

    text = b'{"v":' + b'}\n{"v":'.join(pieces) + b"}"
    try:
        lists = json.read_json(
            pa.BufferReader(text),
            read_options=json.ReadOptions(use_threads=False, block_size=len(text) + 1),
            parse_options=json.ParseOptions(
                explicit_schema=pa.schema([("v", pa.list_(kind))]),
                unexpected_field_behavior="error",
            ),
        )["v"].combine_chunks()
    except pa.ArrowException:
        return None
    if len(lists) != len(pieces) or lists.null_count:
        return None
    return lists.flatten(), lists.offsets.to_pylist()


def _are_finite(values: pa.Array) -> bool:
    """No NaN and no infinity, which `json` reads too."""
    return bool(np.isfinite(to_numpy(values, np.float64, 0.0)).all())


def _parts(values: Any, offsets: Sequence[int]) -> list[Any]:
    return [values[start:stop] for start, stop in pairwise(offsets)]


@cache
def _trade() -> pa.DataType:
    import pyarrow as pa

    kinds = {"double": pa.float64(), "int64": pa.int64()}
    # What is nested, or of another kind than here, is odd.
    columns = [column for column in TRADES.columns if column.kind != "json"]
    return pa.struct([(column.name, kinds.get(column.kind, pa.string())) for column in columns])
