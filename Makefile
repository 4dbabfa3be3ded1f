# `make demo` and `make test` work on a fresh machine with Python 3.11 and make: they build their own environment.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
TOOLS := build/tools
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
export OMP_NUM_THREADS ?= 2
# Two test processes with two threads each wait for one another on two cores.
test: export OMP_NUM_THREADS = 1

.PHONY: demo test test-slow test-hard cover lint docs audit sbom clean

demo: $(VENV)/.installed  ## the main job on a made-up album: draw, protect, verify, report
	$(BIN)/dp2vl demo --out demo-out

test: $(VENV)/.installed-dev  ## the default test suite
	$(BIN)/pytest -q -n 2

test-slow: $(VENV)/.installed-dev  ## tests that take minutes
	$(BIN)/pytest -q -m slow

# An empty -m takes in what is slow as well.
test-hard: export OMP_NUM_THREADS = 1
test-hard: $(VENV)/.installed-dev  ## faults, tried many times over; hours
	DP2VL_HARD=1 $(BIN)/pytest -q -m "" tests/hard tests/test_records.py tests/test_corpus.py tests/ui \
		tests/surrogates/test_hub.py

cover: export OMP_NUM_THREADS = 1
cover: $(VENV)/.installed-dev  ## which branches of the rooms that must not lose or mix up anything are tested
	$(BIN)/pytest -q -n 2 tests/test_*.py tests/leakage tests/hard --cov-branch --cov-report=term:skip-covered \
		--cov=dp2vl.images --cov=dp2vl.album --cov=dp2vl.files --cov=dp2vl.records --cov=dp2vl.leakage

lint: $(VENV)/.installed-dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-docs  ## generated reference, then the site in site/
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict --quiet

audit: $(VENV)/.installed-dev $(TOOLS)/.installed  ## known vulnerabilities of what is installed; needs a network
	$(BIN)/python tools/audit.py $(TOOLS)/bin/pip-audit

sbom: $(VENV)/.installed $(TOOLS)/.installed  ## what is installed, as CycloneDX, in build/sbom.json
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type application --output-reproducible \
		--output-file build/sbom.json $(BIN)/python

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

# Apart from what is looked at, so that the tools are not among it.
$(TOOLS)/.installed:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip --quiet --disable-pip-version-check install pip-audit==2.10.1 cyclonedx-bom==7.5.0 \
		|| { echo "cannot fetch the tools: is there a network?"; exit 1; }
	touch $@
