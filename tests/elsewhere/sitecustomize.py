"""Give every DuckDB of a process, and of those it starts, the threads that DUCKDB_THREADS says."""

from __future__ import annotations

import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        if name != "duckdb":
            return None
        spec = PathFinder.find_spec(name)
        assert spec and spec.loader
        self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        connect, threads = module.connect, os.environ["DUCKDB_THREADS"]

        def connect_with(*arguments, config=None, **keywords):
            return connect(*arguments, config={"threads": threads, **(config or {})}, **keywords)

        module.connect = connect_with


if os.environ.get("DUCKDB_THREADS"):
    sys.meta_path.insert(0, _Finder())
