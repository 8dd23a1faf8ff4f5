# Works on a fresh machine with nothing but Python 3.11 or newer; uses uv where it is installed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOWEST := .venv-lowest
NEWEST := .venv-newest
SITE := .venv-site
UV := $(shell command -v uv 2>/dev/null)
JOBS ?= auto
FULL ?=
ALL ?=
HOURS ?= 2
FILES ?=
# The tests flush some 50,000 files to disk: in memory, where there is room, that takes no time.
ROOM := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "/dev/shm" }')
export PYTEST_DEBUG_TEMPROOT ?= $(or $(ROOM),$(TMPDIR),/tmp)
# The tests start some 300 processes: where compiled modules are not kept, each compiles them again.
unexport PYTHONDONTWRITEBYTECODE
# The duckdb shell of the environment, for the tests that ask through it.
PYTEST := PATH="$(abspath $(BIN)):$$PATH" pytest --numprocesses $(JOBS) --dist loadfile
CHOSEN := not thorough and not long$(if $(ALL),, and not slow)

.PHONY: help test mutants mutmut thorough-test long-test soak test-elsewhere engines engines-big dist-check bounds-check newest-check site check format docs bench demo page clean
help:                 ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/'

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("bt-lake needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
ifdef UV
	$(UV) venv --quiet --allow-existing --python "$(PYTHON)" $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --editable . --group dev
else
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
endif
	touch $@

test: $(READY)        ## run the tests that take less than a second each; ALL=1: those too that take seconds
	$(PYTEST) -m "$(CHOSEN)"

thorough-test: $(READY) ## kill and stop processes at every step of every write; some minutes; FILES=... for some
	$(PYTEST) -m thorough --dist load $(FILES)

long-test: $(READY)   ## simulate families of noise, and tamper with lakes; half an hour, not in CI
	$(PYTEST) -m long --dist load

test-elsewhere: $(READY) ## run the tests of numbers as on an older machine, and as on a bigger one
	tests/elsewhere/run.sh $(VENV) --numprocesses $(JOBS)

soak: $(READY)        ## attack lakes for HOURS=2 (goes on where it stopped), then ROUNDS=10000 tampered lakes and a tenth of it by whole commands, SOAK=2000 histories
	PATH="$(abspath $(BIN)):$$PATH" python tests/soak/run.py --hours $(HOURS)
	LIGHT=1 PYTHONPATH=tests $(BIN)/python tests/soak/hostile.py
	ROUNDS=$$(( $${ROUNDS:-10000} / 10 )) PYTHONPATH=tests $(BIN)/python tests/soak/hostile.py
	PATH="$(abspath $(BIN)):$$PATH" pytest --numprocesses $(JOBS) tests/soak/soak_*.py

engines: $(READY)     ## run the adapters against the engines themselves, each in its environment
	tests/engines/run.sh

engines-big: $(READY) ## ask Daft and Spark, run on Ray and Dask, copy to a store, compare with statsmodels and Optuna; not in CI
	tests/engines/run.sh cloud clusters judge lakehouse

mutants: $(READY)     ## break single lines, and see that a test of `make test` notices; a minute
	$(BIN)/python tests/mutants.py

mutmut: $(READY)      ## change every line of a few modules that all else rests on, and count what no test notices; ten minutes; FILES=... for some; not in CI
ifdef UV
	$(UV) pip install --quiet --python $(BIN)/python "mutmut>=3.8,<4"
else
	$(BIN)/python -m pip install --quiet "mutmut>=3.8,<4"
endif
	$(BIN)/python tests/mutation.py $(FILES)

dist-check: $(READY)  ## build wheel and sdist, install and use each in an empty environment
	tests/release/smoke.sh $(VENV)

bounds-check: $(LOWEST)/.ready ## run the tests with the lowest versions allowed; ALL=1: all of them
	$(LOWEST)/bin/pytest --numprocesses $(JOBS) --dist loadfile -m "$(CHOSEN)" $(BOUNDS)

$(LOWEST)/.ready: pyproject.toml tests/release/lowest.py $(READY)
	$(BIN)/python tests/release/lowest.py >$(BIN)/lowest.txt
ifdef UV
	$(UV) venv --quiet --allow-existing --python "$(PYTHON)" $(LOWEST)
	$(UV) pip install --quiet --python $(LOWEST)/bin/python --editable . --requirement $(BIN)/lowest.txt $(BOUNDS_NEED)
else
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --editable . --requirement $(BIN)/lowest.txt $(BOUNDS_NEED)
endif
	touch $@

BOUNDS_NEED := deltalake obstore python-calamine starlette uvicorn pytest pytest-xdist hypothesis pandas pillow zarr duckdb-cli
# The files that meet the libraries most; ALL=1 for all of them, but for those about the documents'
# wording, which other versions say a little differently, and those that need a server.
EVERY := $(filter-out $(addprefix tests/test_,docs_% readme.py import_postgres.py),$(wildcard tests/test_*.py))
BOUNDS := $(if $(ALL),$(EVERY),$(addprefix tests/test_,append.py compaction.py check.py saving.py documents.py \
	ingest.py families.py summary_rows.py engine_lake.py metrics_truth.py overfit_sweep.py queries_best.py queries_groups.py \
	queries_list.py queries_lookup.py queries_export.py cli_edges.py cli_runs.py cli_ingest.py cli_sql.py))

newest-check: $(NEWEST)/.ready ## run them with the newest versions there are, pre-releases too
	$(NEWEST)/bin/pytest --numprocesses $(JOBS) --dist loadfile -m "not thorough and not long" $(EVERY)

$(NEWEST)/.ready: pyproject.toml $(READY)
ifdef UV
	$(UV) venv --quiet --allow-existing --python "$(PYTHON)" $(NEWEST)
	$(UV) pip install --quiet --prerelease allow --upgrade --python $(NEWEST)/bin/python --editable . $(BOUNDS_NEED)
else
	test -x $(NEWEST)/bin/python || $(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --pre --upgrade --editable . $(BOUNDS_NEED)
endif
	touch $@

site: $(SITE)/.ready  ## make the documents into a site; a link that leads nowhere is an error
	$(SITE)/bin/python docs/make_site.py
	$(SITE)/bin/mkdocs build --quiet --strict

$(SITE)/.ready: pyproject.toml $(READY)
ifdef UV
	$(UV) venv --quiet --allow-existing --python "$(PYTHON)" $(SITE)
	$(UV) pip install --quiet --python $(SITE)/bin/python --editable . --group docs
else
	test -x $(SITE)/bin/python || $(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(SITE)/bin/python -m pip install --quiet --editable . --group docs
endif
	touch $@

check: $(READY)       ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tests/circles.py

format: $(READY)      ## rewrite the sources in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)        ## write what follows from the schema, the help, the demo and the figures
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/make_cli.py
	$(BIN)/python docs/make_python.py
	$(BIN)/python docs/make_overfitting.py
	$(BIN)/python docs/picture.py
	$(BIN)/python docs/make_report.py
	$(BIN)/python docs/figures.py

demo: $(READY)        ## sweep two example strategies, and ask what a lake can tell of them
	$(BIN)/bt-lake demo

page: $(READY)        ## look at the lake of the demo in a browser; makes it if it is not there
	test -f lake/lake.json || $(BIN)/bt-lake demo
	$(BIN)/bt-lake page

bench: $(READY)       ## measure, beside what people use today; FULL=1 for a million runs
	VENV=$(VENV) bench/run.sh $(if $(FULL),--full)

clean:                ## remove what the targets above made
	rm -rf $(VENV) $(LOWEST) $(NEWEST) $(SITE) site .site .venv-engines .venv-peers .pytest_cache .mypy_cache .ruff_cache
