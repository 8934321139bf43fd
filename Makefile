# `make` alone lists the targets.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check bench oracle docs clean

PYTHON ?=
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
SHARED := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Tests start hundreds of processes, which share the compiled sources.
test: export PYTHONDONTWRITEBYTECODE :=

help:
	@echo "make …"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "PYTHON=…  the Python to build .venv with: 3.11 or newer, by default the newest found"

run: $(VENV)/.installed  ## Install into .venv, train the default agent and watch it learn in a browser
	@$(BIN)/tetrarium run

test: $(VENV)/.installed-dev  ## Run all tests, then those of the engine once more without the JIT
	@echo "Compiling the engine …"; $(BIN)/python -m tests.kernels
	@$(PYTEST) $(SHARED)
	@NUMBA_DISABLE_JIT=1 $(PYTEST) $(SHARED) tests/engine

check: $(VENV)/.installed-dev node_modules/.package-lock.json  ## Check style, format and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/python tools/openapi.py build/openapi.json build/types/events.d.ts
	@npm run --silent check

bench: $(VENV)/.installed-bench  ## Measure speed, beside a published peer
	@$(BIN)/python -c 'import cv2' 2>/dev/null || \
	  echo "The peer needs two system libraries. On Debian and Ubuntu: apt-get install libgl1 libglib2.0-0" >&2
	@for script in bench/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

oracle: $(VENV)/.installed-dev  ## Play long runs against published figures (up to hours)
	@$(PYTEST) -m oracle --timeout 0
	@$(PYTEST) --hypothesis-profile=explore --timeout 0 tests/engine

docs: $(VENV)/.installed-docs  ## Build the documentation site into docs/_build/html
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

clean:  ## Remove .venv, caches and compiled kernels
	@rm -rf $(VENV) node_modules build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find src tests bench -name __pycache__ -prune -exec rm -rf {} +

# The tools that check the page's JavaScript; nothing else needs Node.
node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { \
	  echo "make check needs npm, with Node 18 or newer. On Debian and Ubuntu: apt-get install nodejs npm" >&2; exit 1; }
	@echo "Installing the tools that check JavaScript into node_modules …"; npm ci --silent && touch $@

# The newest Python that will do, or the one that PYTHON names.
define FIND_PYTHON
	for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo "tetrarium needs Python 3.11 or newer; found none as $(or $(PYTHON),python3). Install one, or name it: make PYTHON=/path/to/python3.11" >&2; \
	  exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
	  exit 1; \
	fi
endef

# Installs this folder with some extras, showing what is downloaded; the whole log is kept.
define INSTALL
	echo "Installing $(1) into $(VENV) …"; \
	$(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off --log $(VENV)/install.log \
	  --constraint constraints.txt --editable '$(2)' \
	  | awk '/^ *Downloading .*whl/ { print "  " $$2, $$3, $$4; fflush() } /^Installing/ { print "  unpacking …"; fflush() }'; \
	touch $@
endef

$(BIN)/python:
	@$(FIND_PYTHON); echo "Making $(VENV) with $$found"; rm -rf $(VENV); "$$found" -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@$(call INSTALL,tetrarium,.)

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@$(call INSTALL,tetrarium and its development tools,.[dev])
	@touch $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml constraints.txt | $(BIN)/python
	@$(call INSTALL,tetrarium and the tools of its documentation,.[docs])
	@touch $(VENV)/.installed

$(VENV)/.installed-bench: pyproject.toml constraints.txt | $(BIN)/python
	@$(call INSTALL,tetrarium and the benchmarks' peer,.[bench])
	@touch $(VENV)/.installed
