"""What readers of other programs' files share: nothing in such a file is trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bt_lake.warehouse.errors import BadInput

UNEXPECTED = (
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    OverflowError,
    NotImplementedError,
    OSError,
)


def json_object(text: bytes, what: str) -> dict[str, Any]:
    """A JSON object, or a BadInput that says what is not one."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(f"{what} is cut off or no JSON: {error.msg} at byte {error.pos}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{what} is not UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{what} is not usable JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadInput(f"{what} is no JSON object")
    return found


@contextmanager
def expected(shape: str) -> Iterator[None]:
    """A missing key or a value of another type means that the file is not of this shape."""
    try:
        yield
    except KeyError as error:
        raise BadInput(f"not {shape}: {error} is missing") from None
    except UNEXPECTED as error:
        raise BadInput(f"not {shape}: {error}") from None
