#!/usr/bin/env bash
# Build sdist and wheel, install each into an empty environment, and use it as a newcomer would.
#   tests/release/smoke.sh .venv
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
dev=$(cd "$root/$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" # away from the sources, so that only what is installed can be imported

"$dev/bin/python" -m build --outdir dist "$root" >build.log 2>&1 || { tail -30 build.log; exit 1; }
"$dev/bin/python" "$root/tests/release/contents.py" dist

fresh() { # folder, distribution
  "$dev/bin/python" -m venv "$1"
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check "$2"
}

echo "== the wheel"
fresh wheel dist/*.whl
wheel/bin/bt-lake --version
"$dev/bin/mypy" --strict --python-executable wheel/bin/python --cache-dir mypy "$root/tests/release/user_script.py"
wheel/bin/python "$root/tests/release/user_script.py" mine
wheel/bin/bt-lake --lake mine best sharpe_ratio -n 2
wheel/bin/bt-lake --lake mine sql "select strategy, count(*) as runs from runs group by all"
wheel/bin/bt-lake --lake mine export all.csv
wheel/bin/bt-lake --lake mine check
wheel/bin/bt-lake demo >demo.log 2>&1 || { tail -30 demo.log; exit 1; }

echo "== the sdist"
fresh sdist dist/*.tar.gz
sdist/bin/bt-lake --version
sdist/bin/python "$root/tests/release/user_script.py" other
echo "both install and work"
