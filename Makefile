# make demo    the main job, from nothing
# make test    all tests
# make check   format, lint, types, layers, fast tests: before every commit
# make bench   what it costs, against peers
# make mutants planted bugs, and the invariant of the simulation that catches each

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
RUN := $(VENV)/bin
# a file's tests share a server, so they stay together
PYTEST := $(RUN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

.PHONY: demo test check bench mutants docs lock clean

demo: $(READY)
	$(RUN)/stepwell demo

test: $(READY)
	$(PYTEST)

check: $(READY)
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(PYTEST) -m "not contract and not chaos and not slow"

bench: $(READY)
	$(RUN)/python bench/run.py

mutants: $(READY)
	$(RUN)/python -m pytest tests/simulation/test_simulation_mutants.py -s

docs: $(READY)
	$(RUN)/python -m stepwell.cli.main coverage > docs/coverage.md

# uv comes with the lock once the environment stands; the first time it is found on PATH or installed beside it
$(READY): locks/dev.txt pyproject.toml
	@command -v uv >/dev/null || test -x .uv/bin/uv || { $(PYTHON) -m venv .uv && .uv/bin/pip install --quiet uv; }
	@UV=$$(command -v uv || echo .uv/bin/uv); set -e; \
	  test -x $(VENV)/bin/python || $$UV venv --quiet --python $(PYTHON) $(VENV); \
	  $$UV pip sync --quiet --python $(VENV)/bin/python --require-hashes locks/dev.txt; \
	  $$UV pip install --quiet --python $(VENV)/bin/python --no-deps --editable .
	@touch $@

lock:
	uv export --quiet --format requirements-txt --no-emit-project --no-header --no-annotate --output-file locks/dev.txt

clean:
	rm -rf $(VENV) .uv
