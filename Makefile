# `make demo` and `make test` work on a fresh machine with Python 3.11 and make: they build their own environment.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
export OMP_NUM_THREADS ?= 2
# Two test processes with two threads each wait for one another on two cores.
test: export OMP_NUM_THREADS = 1

.PHONY: demo test test-slow lint docs clean

demo: $(VENV)/.installed  ## the main job on a made-up album: draw, protect, verify, report
	$(BIN)/dp2vl demo --out demo-out

test: $(VENV)/.installed-dev  ## the default test suite
	$(BIN)/pytest -q -n 2

test-slow: $(VENV)/.installed-dev  ## tests that take minutes
	$(BIN)/pytest -q -m slow

lint: $(VENV)/.installed-dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-docs  ## generated reference, then the site in site/
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) demo-out site build dist src/*.egg-info

# torch goes first: with its version pinned, nothing that follows pulls another build of it.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt torch
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/.installed-%: $(VENV)/.installed
	$(PIP) install -c constraints.txt -e ".[$*]"
	touch $@
