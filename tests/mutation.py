"""Have mutmut change every line of a few small modules that all else rests on, and count what no
test notices: `make mutmut`. It works on a copy, which it leaves in .mutation.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPY = ROOT / ".mutation"
MODULES = {  # and the tests that must notice
    "warehouse/values.py": ["values"],
    "warehouse/listing.py": ["listing", "live"],
    "warehouse/live.py": ["live"],
    "warehouse/ids.py": ["ids"],
    "overfit/deflation.py": ["deflation"],
}


def main(wanted: list[str]) -> int:
    modules = {name: tests for name, tests in MODULES.items() if not wanted or name in wanted}
    tests = dict.fromkeys(f"tests/test_{test}.py" for each in modules.values() for test in each)
    settings = {
        "process_isolation": "forkserver",  # after a fork polars refuses to work: all would be caught
        "source_paths": ["src"],
        "only_mutate": [f"src/bt_lake/{name}" for name in modules],
        "also_copy": ["lake", "docs", "README.md", "CHANGELOG.md", "Makefile"],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-m", "not slow and not thorough and not long"],
        "pytest_add_cli_args_test_selection": [*tests],
    }  # fmt: skip
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir()
    for name in ("src", "tests", "docs", "lake"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, COPY / name, ignore=skipped, symlinks=True)
    for name in ("README.md", "CHANGELOG.md", "Makefile", "LICENSE"):
        shutil.copy(ROOT / name, COPY)
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (COPY / "pyproject.toml").write_text("\n".join([text, "[tool.mutmut]", *lines, ""]), "utf-8")
    tool = Path(sys.executable).with_name("mutmut")
    jobs = os.environ.get("JOBS", "2")
    done = subprocess.run([tool, "run", "--max-children", jobs], cwd=COPY)
    subprocess.run([tool, "results"], cwd=COPY)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
