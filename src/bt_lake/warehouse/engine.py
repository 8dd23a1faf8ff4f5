"""DuckDB without its Python side, which takes several times as long to load as DuckDB itself.

Connections, statements, values and errors are the compiled module's and the same either way.
What needs relations, or tables of Python's own, calls `connecting.load_relations` first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb as _engine
else:
    try:
        import _duckdb as _engine

        _engine.connect, _engine.Error  # noqa: B018  (another version may have moved them)
    except (ImportError, AttributeError):
        import duckdb as _engine

BinderException = _engine.BinderException
CatalogException = _engine.CatalogException
ConnectionException = _engine.ConnectionException
ConversionException = _engine.ConversionException
Error = _engine.Error
InterruptException = _engine.InterruptException
InvalidInputException = _engine.InvalidInputException
NotImplementedException = _engine.NotImplementedException
OutOfRangeException = _engine.OutOfRangeException
ParserException = _engine.ParserException
PermissionException = _engine.PermissionException
connect = _engine.connect
