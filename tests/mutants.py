"""Break one line at a time, and see that a test notices: `make mutants`.

Each mutant is a line that once was broken without any test of `make test` failing, or one like it;
now one of these must fail, so tests that are slow do not count. Add yours: the file, what to break,
into what, and the test that must fail.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "bt_lake"


class Mutant(NamedTuple):
    file: str
    line: str
    broken: str
    test: str


ORDER = "test_commit_order.py::test_a_name_is_given_to_what_is_durable_and_to_runs_last"
SAME = "test_saving.py::test_unique_saves_what_differs_in_one_thing"
DSR = "test_overfit_sweep.py"
QUICK = "not thorough and not long and not slow"  # what `make test` runs without ALL=1
MUTANTS = [
    Mutant("warehouse/commit.py", "*children, last = tables\n", "last, *children = tables\n", ORDER),
    Mutant("warehouse/commit.py", "                flush(file.fileno() for file in written)\n", "                pass\n", ORDER),
    Mutant("warehouse/commit.py", "            folders.flush_folders(months[name] for name in children)\n", "            pass\n", ORDER),
    Mutant("warehouse/schema.py", "31  end_at          timestamp  UTC       -p ", "31  end_at          timestamp  UTC       - ", SAME),
    Mutant("warehouse/schema.py", "11  symbol          string     -         -ifs ", "11  symbol          string     -         -fs ", SAME),
    Mutant("queries/filters.py", '("<", last + timedelta(days=1))', '("<=", last + timedelta(days=1))', "test_queries_filters.py::test_a_day_ends_before_midnight"),
    Mutant("metrics/periods.py", "    median = steps.pick(steps.sorted(between), steps.starts + (steps.counts - 1) // 2, NONE)\n", "    median = (np.add.reduceat(between, steps.starts) // steps.counts) if len(between) else between\n", "test_metrics.py::test_a_step_is_the_median_not_the_mean"),
    Mutant("queries/guard.py", '"json_each", "json_tree"', '"json_each", "json_tree", "read_csv", "glob"', "test_guard.py::test_what_is_let_through_is_a_list_that_somebody_looked_at"),
    Mutant("warehouse/wholefile.py", "    direct = path.exists() and not path.is_file()\n", "    direct = True\n", "test_cli_writers.py::test_a_file_that_was_there_stays_until_the_new_one_is_whole"),
    Mutant("warehouse/database.py", "    return None if now - max(marks.values()) < tick else marks\n", "    return marks\n", "test_commit_order.py::test_a_snapshot_is_kept_only_where_the_clock_can_tell"),
    Mutant("overfit/sharpe.py", "    luck = np.asarray(deviation, np.float64) * expected_max(trials)\n", "    luck = np.asarray(deviation, np.float64)\n", DSR),
    Mutant("warehouse/values.py", "else bare.lower()", "else bare", "test_values.py::test_a_row_of_a_csv_file_is_found_by_its_own_cells"),
    Mutant("warehouse/values.py", "and _PADDED.fullmatch(text) is None", "", "test_values.py::test_a_padded_number_is_text"),
]  # fmt: skip


def main() -> int:
    survived = [mutant for mutant in MUTANTS if not caught(mutant)]
    print(f"{len(MUTANTS) - len(survived)} of {len(MUTANTS)} mutants caught")
    return len(survived)


def caught(mutant: Mutant) -> bool:
    path = SOURCE / mutant.file
    whole = path.read_text("utf-8")
    if whole.count(mutant.line) != 1:
        print(f"stale     {mutant.file}: {mutant.line.strip()}")
        return False
    path.write_text(whole.replace(mutant.line, mutant.broken), "utf-8")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stopped run mends its file, too
    try:
        command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-m", QUICK]
        test = [str(ROOT / "tests" / mutant.test)]
        found = subprocess.run([*command, *test], cwd=ROOT, capture_output=True).returncode
    finally:
        path.write_text(whole, "utf-8")
    said = {0: "SURVIVED", 1: "caught"}.get(found, f"pytest {found}")
    print(f"{said:9} {mutant.file}: {mutant.line.strip()[:70]}", flush=True)
    return found == 1


if __name__ == "__main__":
    sys.exit(main())
