#!/usr/bin/env bash
# Run every benchmark; each prints a table and writes its figures to bench/results/.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin
"$bin/python" -m pip install --quiet --group bench 2>/dev/null || uv pip install --quiet --python "$bin/python" --group bench
mkdir -p bench/results
for script in bench/commit.py bench/ingest.py bench/queries.py bench/overfit.py; do
  name=$(basename "$script" .py)
  "$bin/python" "$script" "$@" --json "bench/results/$name.json"
done
