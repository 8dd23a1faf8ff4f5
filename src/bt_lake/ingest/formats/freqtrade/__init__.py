"""freqtrade: zips of backtest results, their older plain JSON, and `.fthypt` files of hyperopt."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bt_lake.ingest.formats.foreign import expected, json_object
from bt_lake.ingest.formats.freqtrade import archive as archives
from bt_lake.ingest.formats.freqtrade import params as parameters
from bt_lake.ingest.formats.freqtrade.stats import run_of
from bt_lake.ingest.formats.reading import content, head_of, lines, steady
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput, LakeError

RESULTS = re.compile(rb'\s*\{\s*"(?:strategy|metadata|strategy_comparison)"\s*:\s*[{\[]')
EPOCH = re.compile(rb'\s*\{\s*"loss"\s*:.*"params_dict"\s*:', re.DOTALL)
# Files that freqtrade writes beside its results: which was the last, run ids, tuned parameters.
LATEST = re.compile(rb'\s*\{\s*"latest_(?:backtest|hyperopt)"\s*:')
META = re.compile(rb'\s*\{\s*"[^"]+"\s*:\s*\{\s*"run_id"\s*:')
PARAMS = re.compile(rb'\s*\{\s*"strategy_name"\s*:.*"ft_stratparam_v"\s*:', re.DOTALL)
# What hyperopt gives an epoch without trades.
NO_LOSS = 100_000
# Older versions did not redact these.
SECRETS = {"key", "secret", "password", "uid", "token", "jwt_secret_key", "ws_token", "api_key"}
SHAPE = "the result of a freqtrade backtest"


def matches(path: Path, head: bytes) -> bool:
    return _is_beside(path, head) or any(tells(path, head) for tells in READERS)


def read(path: Path) -> Iterator[Run | BadRow]:
    """The runs of a file, in order; files beside the results hold none."""
    head = head_of(path)
    for tells, reader in READERS.items():
        if tells(path, head):
            try:
                with steady(path):
                    yield from reader(path)
            except LakeError as error:
                yield BadRow(str(path), None, str(error).removeprefix(f"{path}: "))
            return


def _is_beside(path: Path, head: bytes) -> bool:
    meta = path.name.endswith(".meta.json") and META.match(head)
    return bool(meta or LATEST.match(head) or PARAMS.match(head))


def _read_zip(path: Path) -> Iterator[Run | BadRow]:
    with archives.opened(path) as archive:
        strategies = _strategies(archive.results(), archive.main)
        config = _config(archive.of("config.json"))

        def one(name: str, stats: Any) -> Run:
            wallet = archives.wallet_of(archive.of(f"{name}_wallet.feather"))
            with expected(SHAPE):
                run = run_of(name, stats, wallet)
            source, tuned = archive.of(f"{name}.py"), archive.of(f"{name}.json")
            run.params = {
                **(run.params or {}),
                **(parameters.of_source(source, name) if source else {}),
                **(parameters.of_file(json_object(tuned, f"{name}.json")) if tuned else {}),
            }
            if source:
                run.columns["code_hash"] = hashlib.sha256(source).hexdigest()
            exchange = config.get("exchange")
            if isinstance(exchange, dict):
                run.columns["data_source"] = exchange.get("name")
            run.config = {**config, **(run.config or {})}
            return run

        yield from _each(path, strategies, one)


def _read_json(path: Path) -> Iterator[Run | BadRow]:
    def one(name: str, stats: Any) -> Run:
        with expected(SHAPE):
            return run_of(name, stats)

    yield from _each(path, _strategies(content(path), "it"), one)


def _read_epochs(path: Path) -> Iterator[Run | BadRow]:
    """One run per epoch; they share the sweep."""
    for line in lines(path):
        if not line.text.strip():
            continue
        try:
            epoch = json_object(line.text, "the epoch")
            with expected("an epoch of freqtrade's hyperopt"):
                run = _epoch(epoch, path)
        except LakeError as error:
            yield BadRow(str(path), line.number, str(error))
            continue
        run.origin, run.row, run.position = f"{path}:{line.number}", line.number, line.position
        yield run


def _epoch(epoch: Mapping[str, Any], path: Path) -> Run:
    run = run_of(path.stem, epoch["results_metrics"])
    run.params = {**(run.params or {}), **epoch["params_dict"]}
    if epoch["loss"] != NO_LOSS:
        run.metrics = {**(run.metrics or {}), "loss": epoch["loss"]}
    run.config = {
        name: epoch[name] for name in ("current_epoch", "is_best", "is_random") if name in epoch
    }
    run.columns["sweep"] = path.stem
    return run


def _each(
    path: Path, strategies: Mapping[str, Any], one: Callable[[str, Any], Run]
) -> Iterator[Run | BadRow]:
    """The run of every strategy, with the id and the notes that lie beside the results."""
    meta = _meta(path)
    for row, (name, stats) in enumerate(strategies.items(), 1):
        try:
            run = one(name, stats)
        except BadInput as error:
            yield BadRow(str(path), row, f"{name}: {error}")
            continue
        beside = meta.get(name)
        if isinstance(beside, dict):
            run.columns["notes"] = beside.get("notes")
            run.config = {**(run.config or {}), "freqtrade_run_id": beside.get("run_id")}
        run.origin = f"{path}:{name}"
        run.row = row
        yield run


def _strategies(text: bytes, what: str) -> dict[str, Any]:
    strategies = json_object(text, what).get("strategy")
    if not isinstance(strategies, dict):
        raise BadInput(f"{what} holds no results of strategies")
    return strategies


def _meta(path: Path) -> dict[str, Any]:
    beside = path.with_suffix(".meta.json")
    try:
        return json_object(content(beside), beside.name)
    except LakeError:  # it only adds notes
        return {}


def _config(text: bytes | None) -> dict[str, Any]:
    return _without_secrets(json_object(text, "its config")) if text else {}


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_secrets(v) for k, v in value.items() if k not in SECRETS}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


READERS: dict[Callable[[Path, bytes], bool], Callable[[Path], Iterator[Run | BadRow]]] = {
    archives.looks_like_one: _read_zip,
    lambda path, head: bool(EPOCH.match(head)): _read_epochs,
    lambda path, head: bool(RESULTS.match(head)): _read_json,
}
