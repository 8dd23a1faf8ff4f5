#!/usr/bin/env bash
# Run the live tests of what is named, each in an environment of its own; without names, of the
# engines whose results the lake takes in.
#   tests/engines/run.sh backtesting bt
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/engines
engines=("$@")
[[ ${#engines[@]} -gt 0 ]] || engines=(backtesting backtrader bt pybroker vectorbt)

mkdir -p "$root/.venv-engines"
echo '*' >"$root/.venv-engines/.gitignore"

prepare() { # environment, requirements
    local stamp=$1/.installed
    cat "$2" "$root/pyproject.toml" | cmp -s - "$stamp" && return
    rm -rf "$1"
    if command -v uv >/dev/null; then
        uv venv -q "$1"
        VIRTUAL_ENV=$1 uv pip install -qq -e "$root" -r "$2"
    else
        python3 -m venv "$1"
        "$1/bin/pip" install -qq -e "$root" -r "$2"
    fi
    cat "$2" "$root/pyproject.toml" >"$stamp"
}

failed=()
for engine in "${engines[@]}"; do
    environment=$root/.venv-engines/$engine
    echo "== $engine"
    prepare "$environment" "$here/requirements-$engine.txt"
    # --noconftest: the fixtures of the base suite need packages that are not installed here
    PYTHONPATH=$root/tests "$environment/bin/python" -m pytest --noconftest --disable-warnings -p no:cacheprovider \
        -c "$root/pyproject.toml" "$here/test_${engine}_live.py" || failed+=("$engine")
done
[[ ${#failed[@]} -eq 0 ]] || { echo "failed: ${failed[*]}" >&2; exit 1; }
