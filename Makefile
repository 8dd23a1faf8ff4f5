# Works on a fresh machine with nothing but Python 3.11 or newer; uses uv where it is installed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(shell command -v uv 2>/dev/null)
FULL ?=

.PHONY: help test check format bench demo clean
help:                 ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/'

$(READY): pyproject.toml
ifdef UV
	$(UV) venv --quiet --allow-existing --python "$(PYTHON)" $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --editable . --group dev
else
	$(PYTHON) -c 'import sys; sys.exit("bt-lake needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable . --group dev
endif
	touch $@

test: $(READY)        ## run the tests
	$(BIN)/pytest

check: $(READY)       ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(READY)      ## rewrite the sources in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

demo: $(READY)        ## sweep two example strategies, and ask what a lake can tell of them
	$(BIN)/bt-lake demo

bench: $(READY)       ## measure, beside what people use today; FULL=1 for a million runs
	VENV=$(VENV) bench/run.sh $(if $(FULL),--full)

clean:                ## remove what the targets above made
	rm -rf $(VENV) .venv-engines .pytest_cache .mypy_cache .ruff_cache
