#!/usr/bin/env bash
# Run every benchmark; each prints a table and writes its figures to bench/results/.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${VENV:-.venv}/bin
"$bin/python" -m pip install --quiet --group bench 2>/dev/null || uv pip install --quiet --python "$bin/python" --group bench
mkdir -p bench/results
for name in commit ingest imports queries overfit run pages page peers; do
  "$bin/python" "bench/$name.py" "$@" --json "bench/results/$name.json"
done
