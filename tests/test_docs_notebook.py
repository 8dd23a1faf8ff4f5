"""docs/sweep_to_verdict.py, the notebook: it runs, and finds what its prose says."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("marimo") is None, reason="marimo is not installed")

NOTEBOOK = Path(__file__).parents[1] / "docs" / "sweep_to_verdict.py"


@pytest.mark.slow
def test_from_a_sweep_to_its_verdict():
    spec = importlib.util.spec_from_file_location("sweep_to_verdict", NOTEBOOK)
    notebook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebook)
    outputs, found = notebook.app.run()
    told = " ".join(output.text for output in outputs if hasattr(output, "text"))

    best, report = found["best"].row(0, named=True), found["report"]
    assert best["run_id"] == report.best.run_id
    assert best["sharpe_ratio"] == pytest.approx(report.best.sharpe_annual)
    assert best["dsr"] == pytest.approx(report.best.deflated.dsr)
    assert (report.counts.trials, report.counts.aligned) == (162, 162)
    assert "162 trials" in told
    assert report.verdict.startswith("The best of these 162 trials is not distinguishable")
    assert f"{report.overfitting.pbo:.0%} of the ways to halve" in told

    heat = found["heat"]
    assert (heat.xs[0], heat.ys[-1], heat.runs) == (5, 130, 81)
    rows = heat.pivot()
    assert min(min(row) for row in rows[:3]) > max(min(row) for row in rows[-3:])
    assert found["pair"].ids == found["best"]["run_id"].to_list()[:2]
    assert found["pair"].correlation[0][1] > 0.8
    assert found["decay"].pairs == 81
    assert abs(found["decay"].rank_correlation) < 0.2
    assert not Path(found["folder"].name).is_relative_to(NOTEBOOK.parent)


@pytest.mark.slow
def test_it_opens_without_a_complaint():
    command = [sys.executable, "-m", "marimo", "check", "--strict", str(NOTEBOOK)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
