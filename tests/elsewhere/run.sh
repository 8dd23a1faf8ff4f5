#!/usr/bin/env bash
# The tests that look at numbers, on this machine made to compute like two others: an old one of a
# single thread without vector instructions, and one of many threads. There sums are added up in
# another order, and exp and log end in other digits.
#   tests/elsewhere/run.sh VENV [options of pytest]
set -euo pipefail
bin=$(cd "$1/bin" && pwd)
options=("${@:2}")
cd "$(dirname "$0")/../.."
export PATH="$bin:$PATH" PYTHONPATH="$PWD/tests/elsewhere"

# What asks only about processes, locks, words and damaged files computes nothing that could differ.
mapfile -t files < <(grep -lE 'approx|isclose|make_python|make_overfitting|picture|examples' tests/test_*.py)
every=$(python -c 'from numpy._core._multiarray_umath import __cpu_dispatch__ as them; print(*them)')

like() { # name, then VARIABLE=value ...
  echo "::: like $1"
  env "${@:2}" python -c 'import duckdb, os
threads = duckdb.connect().execute("select current_setting($$threads$$)").fetchone()[0]
assert threads == int(os.environ["DUCKDB_THREADS"]), threads'
  env "${@:2}" pytest --dist loadfile -m "not thorough and not long" -k "not other_kinds and not damaged and not flipped" "${options[@]}" "${files[@]}"
}

like "an old machine of one thread" TZ=America/St_Johns DUCKDB_THREADS=1 POLARS_MAX_THREADS=1 \
  OPENBLAS_CORETYPE=Prescott ARROW_USER_SIMD_LEVEL=NONE NPY_DISABLE_CPU_FEATURES="$every"
like "a machine of eight threads" TZ=Asia/Kolkata DUCKDB_THREADS=8 POLARS_MAX_THREADS=8 \
  OPENBLAS_CORETYPE=Haswell
