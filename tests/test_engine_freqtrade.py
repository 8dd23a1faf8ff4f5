"""freqtrade 2026.9: result zips, plain results and hyperopt epochs as the program wrote them."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mangling import mangled

from bt_lake.ingest.assemble import assemble
from bt_lake.ingest.formats import freqtrade
from bt_lake.ingest.formats.freqtrade import archive as freqtrade_zip
from bt_lake.ingest.formats.freqtrade import params as freqtrade_params
from bt_lake.ingest.formats.freqtrade.stats import trades_of
from bt_lake.ingest.formats.reading import head_of
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import LakeError

DATA = Path(__file__).parent / "data" / "engines" / "freqtrade"
STEM = "backtest-result-2026-11-20_18-17-25"
SMA, NEVER, HOLD = (
    DATA / f"backtest-result-2026-11-20_18-{t}.zip" for t in ("17-25", "18-42", "18-57")
)
EPOCHS = DATA / "hyperopt" / "strategy_SmaCross_2026-11-20_18-23-21.fthypt"


def read(path: Path) -> list[Run | BadRow]:
    assert freqtrade.matches(path, head_of(path))
    return list(freqtrade.read(path))


def only(path: Path) -> Run:
    (run,) = read(path)
    assert isinstance(run, Run), run
    return run


def row_of(run: Run) -> dict[str, Any]:
    row: dict[str, Any] = assemble([run]).runs.to_pylist()[0]
    return row


def repacked(target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The zip of SmaCross with other members."""
    with zipfile.ZipFile(SMA) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target


def test_labels() -> None:
    run = only(SMA)
    assert (run.strategy, run.columns["timeframe"]) == ("SmaCross", "1d")
    assert run.columns["symbol"] is None  # two pairs
    assert (run.columns["currency"], run.columns["data_source"]) == ("USDT", "binance")
    assert run.columns["created_at"] == datetime(2026, 11, 20, 18, 17, 25, tzinfo=UTC)
    assert run.config is not None
    assert run.config["freqtrade_run_id"] == "37be39f0c0fd534e89bfe29a9b044710c1a06ad6"
    assert "key" not in run.config["exchange"]
    assert only(HOLD).columns["notes"] == "open at end"


def test_the_curve_is_the_wallet_and_ends_at_the_final_balance() -> None:
    row = row_of(only(SMA))
    assert row["final_equity"] == 13566.50353206
    assert row["total_return"] == pytest.approx(0.356650353206)
    assert row["initial_capital"] == 10_000
    extra = dict(row["extra"])
    assert row["max_drawdown"] == pytest.approx(extra["wallet_max_drawdown"])
    assert (row["bars"], row["periods_per_year"]) == (719, 365)
    for path in (SMA, NEVER, HOLD):
        told = only(path).metrics
        assert told is not None
        assert row_of(only(path))["final_equity"] == told["final_equity"]


AGREEING = ("win_rate", "profit_factor", "expectancy", "avg_trade_return", "total_trades")


@pytest.mark.parametrize("path", [SMA, NEVER, HOLD], ids=["sma", "never", "hold"])
def test_what_is_computed_agrees_where_the_definitions_do(path: Path) -> None:
    row = row_of(only(path))
    told = dict(row["reported"])
    for name in {*AGREEING, "total_return", "max_consecutive_losses"} & told.keys():
        assert row[name] == pytest.approx(told[name])
    assert told["max_drawdown"] <= 0


def test_trades_are_net_and_fees_are_money() -> None:
    trades = only(SMA).trades
    assert len(trades["pnl"]) == 23
    assert trades["pnl"].sum() == pytest.approx(3566.50353206)
    gross = trades["quantity"] * (trades["exit_price"] - trades["entry_price"])
    assert gross - trades["fees"] == pytest.approx(trades["pnl"])
    assert trades["return"][0] == pytest.approx(-0.006656238133706684)
    assert (trades["mae"] <= 0).all()
    assert (trades["mfe"] >= 0).all()
    assert (trades["entry_tag"][0], trades["exit_reason"][0]) == ("golden", "death")
    assert trades["exit_reason"].count("force_exit") == 2


def test_shorts_with_leverage() -> None:
    trade = {
        "pair": "BTC/USDT:USDT",
        "is_short": True,
        "amount": 2.0,
        "open_rate": 100.0,
        "close_rate": 90.0,
        "min_rate": 85.0,
        "max_rate": 104.0,
        "fee_open": 0.001,
        "fee_close": 0.001,
        "leverage": 3.0,
        "open_date": "2024-01-01 00:00:00+00:00",
        "close_date": "2024-01-02 00:00:00+00:00",
        "profit_abs": 19.62,
        "profit_ratio": 0.2943,
    }
    got = trades_of([trade])
    assert got["side"].tolist() == ["short"]
    assert got["fees"].tolist() == pytest.approx([0.38])
    assert (got["mae"].tolist(), got["mfe"].tolist()) == ([-8.0], [30.0])
    assert got["leverage"] == [3.0]
    older = trades_of([trade | {"is_open": True, "sell_reason": "roi"}])
    assert np.isnan(older["pnl"]).all()
    assert (older["exit_at"], older["exit_reason"]) == ([None], ["roi"])


def test_sentinels_are_absent() -> None:
    never, hold = only(NEVER).metrics, only(HOLD).metrics
    assert never is not None
    assert hold is not None
    absent = {"sharpe_ratio", "sortino_ratio", "calmar_ratio", "profit_factor", "win_rate", "sqn"}
    assert absent.isdisjoint(never)
    assert "wallet_sharpe" not in never
    assert "sortino_ratio" not in hold  # -100
    assert "expectancy_ratio" not in never  # 100


def test_profit_factor_of_winners_only_is_undefined(tmp_path: Path) -> None:
    def winners_only(members: dict[str, bytes]) -> None:
        result = json.loads(members[f"{STEM}.json"])
        stats = result["strategy"]["SmaCross"]
        stats["trades"] = [t for t in stats["trades"] if t["profit_abs"] > 0]
        stats |= {"total_trades": 8, "wins": 8, "losses": 0, "profit_factor": 0.0}
        members[f"{STEM}.json"] = json.dumps(result).encode()

    run = only(repacked(tmp_path / "a.zip", winners_only))
    assert "profit_factor" not in (run.metrics or {})
    assert row_of(run)["profit_factor"] is None


def test_params_are_read_from_the_source() -> None:
    run = only(SMA)
    assert run.params == {
        "fast": 10,
        "slow": 30,
        "stoploss": -0.3,
        "minimal_roi": {"0": 10},
        "max_open_trades": 2,
        "trailing_stop": False,
    }
    source = (DATA / "sma_cross.py").read_bytes()
    assert freqtrade_params.of_source(source, "SmaCross5x20") == {"fast": 5, "slow": 20}
    assert freqtrade_params.of_source((DATA / "sma_short.py").read_bytes(), "SmaShort") == {}


def test_a_params_file_outranks_the_source(tmp_path: Path) -> None:
    tuned = (DATA / "sma_cross.json").read_bytes()
    path = repacked(tmp_path / "a.zip", lambda m: m.update({f"{STEM}_SmaCross.json": tuned}))
    params = only(path).params
    assert params is not None
    assert (params["fast"], params["slow"]) == (13, 49)


@pytest.mark.parametrize(
    "source",
    [
        b"class S(:",
        b"\xff\xfe",
        b"class S(S):\n  x = IntParameter(1, 2, default=open('f'))",
        b"x = " + b"-" * 100_000 + b"1",
        b"class S:\n  a = b = 1\n  c.d = IntParameter(default=1)\n  buy_params = {**x}",
    ],
)
def test_source_that_cannot_be_read_gives_no_params(source: bytes) -> None:
    assert freqtrade_params.of_source(source, "S") in ({}, {"": 1})


def test_overrides_in_the_source() -> None:
    source = b"""
class S(IStrategy):
    buy_params = {"fast": 7}
    fast: IntParameter = IntParameter(1, 9, default=3, space="buy")
    mode = CategoricalParameter(["a", "b"], default="b")
    limit = DecimalParameter(0, 1, default=0.5)
"""
    assert freqtrade_params.of_source(source, "S") == {"fast": 7, "mode": "b", "limit": 0.5}


def test_several_strategies_are_several_runs(tmp_path: Path) -> None:
    def twice(members: dict[str, bytes]) -> None:
        result = json.loads(members[f"{STEM}.json"])
        stats = result["strategy"]["SmaCross"]
        result["strategy"]["SmaCross5x20"] = stats | {"strategy_name": "SmaCross5x20"}
        result["strategy"]["Broken"] = stats | {"trades": 7}
        members[f"{STEM}.json"] = json.dumps(result).encode()
        members[f"{STEM}_SmaCross5x20.py"] = members[f"{STEM}_SmaCross.py"]

    first, second, broken = read(repacked(tmp_path / "several.zip", twice))
    assert isinstance(first, Run)
    assert isinstance(second, Run)
    assert (first.strategy, second.strategy) == ("SmaCross", "SmaCross5x20")
    assert second.params is not None
    assert second.params["fast"] == 5
    assert "cash" in first.equity
    assert "cash" not in second.equity  # it has no wallet: closed trades by day
    assert isinstance(broken, BadRow)
    assert "Broken: not the result of a freqtrade backtest" in str(broken)


def test_plain_results_have_the_curve_of_closed_trades(tmp_path: Path) -> None:
    with zipfile.ZipFile(SMA) as archive:
        path = tmp_path / f"{STEM}.json"
        path.write_bytes(archive.read(f"{STEM}.json"))
    shutil.copy(DATA / f"{STEM}.meta.json", tmp_path)
    run = only(path)
    row = row_of(run)
    assert row["final_equity"] == pytest.approx(13566.50353206)
    assert row["max_drawdown"] == pytest.approx(dict(row["reported"])["max_drawdown"])
    assert row["bars"] == 720
    assert run.config == {"freqtrade_run_id": "37be39f0c0fd534e89bfe29a9b044710c1a06ad6"}
    stats = json.loads(path.read_bytes())["strategy"]["SmaCross"]
    del stats["daily_profit"]
    path.write_text(json.dumps({"strategy": {"SmaCross": stats}}))
    assert only(path).equity["equity"].tolist() == pytest.approx(run.equity["equity"].tolist())


def test_epochs_are_runs_of_one_sweep() -> None:
    runs = [run for run in read(EPOCHS) if isinstance(run, Run)]
    assert len(runs) == 6
    assert {run.columns["sweep"] for run in runs} == {EPOCHS.stem}
    params = [run.params for run in runs if run.params]
    assert [(p["fast"], p["slow"]) for p in params[:2]] == [(9, 58), (16, 44)]
    assert [run.row for run in runs] == [1, 2, 3, 4, 5, 6]
    best = min(runs, key=lambda run: (run.metrics or {})["loss"])
    assert best.params is not None
    assert (best.params["fast"], best.params["slow"]) == (13, 49)
    for run in runs:
        row = row_of(run)
        told = dict(row["reported"])
        for name in ("total_return", "max_drawdown", *AGREEING):
            assert row[name] == pytest.approx(told[name])
    rows = assemble(runs).runs.to_pylist()
    assert len({row["params_hash"] for row in rows}) == 6


def test_an_epoch_still_being_written_is_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.fthypt"
    path.write_bytes(EPOCHS.read_bytes()[:100_000])
    *runs, last = read(path)
    assert [type(run) for run in runs] == [Run, Run]
    assert isinstance(last, BadRow)
    assert (last.row, "cut off" in last.reason) == (3, True)


@pytest.mark.parametrize("name", [".last_result.json", f"{STEM}.meta.json", "sma_cross.json"])
def test_files_beside_the_results_hold_no_runs(name: str) -> None:
    assert read(DATA / name) == []
    assert read(EPOCHS.parent / ".last_result.json") == []


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "run.json"
    document.write_text('{"strategy": "sma", "params": {"ft_stratparam_v": 1}}')
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("notes.txt", "x")
    backup = tmp_path / "backup.zip"
    with zipfile.ZipFile(backup, "w") as archive:
        archive.writestr("run.json", "{}")
        archive.writestr("deep/other.json", "{}")
    for path in (document, other, backup, DATA / "sma_cross.py"):
        assert not freqtrade.matches(path, head_of(path))


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_zip_cut_off_names_the_remedy(tmp_path: Path, share: float) -> None:
    path = tmp_path / SMA.name
    content = SMA.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    (bad,) = read(path)
    assert isinstance(bad, BadRow)
    assert str(bad).startswith(f"{path}: the zip is cut off or damaged")
    assert "copy it again" in bad.reason


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freqtrade_zip, "MOST_BYTES", 1 << 20)
    bomb = repacked(tmp_path / "a.zip", lambda m: m.update({f"{STEM}.json": b" " * (2 << 20)}))
    assert bomb.stat().st_size < 200_000
    (bad,) = read(bomb)
    assert "unpacks to more than 1 MiB" in str(bad)


def test_names_of_members_are_never_paths(tmp_path: Path) -> None:
    def escape(members: dict[str, bytes]) -> None:
        members["../../escaped.py"] = b"x"
        members["/etc/passwd"] = b"x"

    folder = tmp_path / "deep" / "deeper"
    folder.mkdir(parents=True)
    assert only(repacked(folder / "a.zip", escape)).strategy == "SmaCross"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.zip", "deep", "deeper"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"strategy": 1}', b"\xff\xfe", b'{"a": NaN'])
def test_results_of_another_shape(tmp_path: Path, content: bytes) -> None:
    (bad,) = read(repacked(tmp_path / "a.zip", lambda m: m.update({f"{STEM}.json": content})))
    assert isinstance(bad, BadRow)


def test_a_damaged_wallet_is_told(tmp_path: Path) -> None:
    name = f"{STEM}_SmaCross_wallet.feather"
    (bad,) = read(repacked(tmp_path / "a.zip", lambda m: m.update({name: m[name][:9000]})))
    assert "wallet is cut off or damaged" in str(bad)


def test_flipped_bytes_never_raise(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with zipfile.ZipFile(SMA) as archive:
        plain = io.BytesIO(archive.read(f"{STEM}.json")).getvalue()
    for source, name in ((SMA.read_bytes(), "a.zip"), (plain, "a.json")):
        for _ in range(150):
            content = bytearray(source)
            for _ in range(chance.randint(1, 20)):
                content[chance.randrange(len(content))] = chance.randrange(256)
            path = tmp_path / name
            path.write_bytes(content)
            if freqtrade.matches(path, head_of(path)):
                assert all(isinstance(run, Run | BadRow) for run in freqtrade.read(path))


@pytest.mark.parametrize("path", [HOLD, EPOCHS], ids=["results", "epoch"])
def test_values_of_other_kinds_never_raise(tmp_path: Path, path: Path) -> None:
    if path is HOLD:
        with zipfile.ZipFile(path) as archive:
            document = json.loads(archive.read(path.with_suffix(".json").name))
    else:
        document = json.loads(path.read_bytes().splitlines()[4])
    target = tmp_path / "a.json"
    for changed in mangled(document, 60):
        target.write_text(json.dumps(changed))
        for run in freqtrade.read(target):
            if isinstance(run, Run):
                with contextlib.suppress(LakeError):
                    assemble([run])
