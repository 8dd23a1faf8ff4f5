"""XML Spreadsheet 2003: the rows of a workbook and what its properties say."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from bt_lake.warehouse.errors import BadInput

_INDEX = "urn:schemas-microsoft-com:office:spreadsheet Index"


@dataclass(slots=True)
class Book:
    properties: dict[str, str] = field(default_factory=dict)
    rows: list[list[str]] = field(default_factory=list)


def read(data: bytes) -> Book:
    """The first sheet; a document type or an entity of one's own is refused."""
    book = Book()
    text: list[str] = []
    path: list[str] = []
    place = 0

    def refuse(*_: object) -> None:
        raise BadInput("a document type (DOCTYPE) has no place in a report; it is not read")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal place
        local = name.rpartition(" ")[2]
        path.append(local)
        text.clear()
        if local == "Row":
            book.rows.append([])
            place = 0
        elif local == "Cell":
            place = int(attributes.get(_INDEX, place + 1))
            if not 0 < place < 16_385:
                raise BadInput(f"a cell stands in column {place}")

    def end(name: str) -> None:
        local = path.pop()
        value = "".join(text)
        if local == "Data" and book.rows:
            row = book.rows[-1]
            row.extend([""] * (place - len(row)))
            row[place - 1] = value
        elif path[-1:] == ["DocumentProperties"]:
            book.properties[local] = value
        text.clear()

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadInput(f"the XML is cut off or damaged: {error}") from None
    return book
