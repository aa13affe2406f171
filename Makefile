# One command each. Every target sets up what it needs in .venv/ and does nothing twice.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEEK_ARGS ?=

.PHONY: week daily meet lab test lint format demo bench-engine bench-detection bench-events bench-promises bench-twin bench-what-if bench-weeks bench-warnings clean help

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	  else echo "The Python module venv is missing: sudo apt-get install python3-venv"; exit 2; fi; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,postgresql]'
	@touch $@

week: $(VENV)/.installed ## the main job: snapshot, five notebooks, report (demo plant unless WEEK_ARGS says otherwise)
	@$(BIN)/soe run $(WEEK_ARGS) || { code=$$?; [ $$code = 3 ] || exit $$code; }

daily: $(VENV)/.installed ## the same loop in the daily cycle
	@$(BIN)/soe run --cycle daily $(WEEK_ARGS) || { code=$$?; [ $$code = 3 ] || exit $$code; }

meet: $(VENV)/.installed ## the meeting pages (Voila on 127.0.0.1, with a token)
	@$(BIN)/soe meet

lab: $(VENV)/.installed ## JupyterLab for the analyst
	@$(BIN)/soe lab

demo: $(VENV)/.installed ## write the demo plant's extracts again (data/demo)
	@$(BIN)/soe twin --write-demo data/demo

lint: $(VENV)/.installed-test ## style, types, import rules, notebooks without outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy soe_lib
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify --extra-keys "metadata.papermill cell.metadata.papermill cell.metadata.execution metadata.language_info.version metadata.widgets" notebooks/*.ipynb

test: lint ## everything that CI checks
	$(BIN)/python -m pytest -n 2 --dist loadfile

bench-engine: $(VENV)/.installed-test ## the engine on the benchmark plants
	$(BIN)/python -m tests.benchmarks.engine

bench-twin: $(VENV)/.installed ## twelve weeks of four policies on 20 simulated plants (takes long)
	$(BIN)/soe twin --weeks 12 --policy none,right-shift,edd,soe --seeds 20

bench-weeks: $(VENV)/.installed ## twelve unattended weeks of the whole loop, then every past KPI again
	@folder=$$(mktemp -d) && export SOE_WORKSPACE=$$folder && $(BIN)/soe weeks --weeks 12 && $(BIN)/soe recompute; \
	  code=$$?; rm -rf $$folder; exit $$code

bench-warnings: $(VENV)/.installed-test ## do forecasts of missed weeks and late suppliers beat plain thresholds?
	$(BIN)/python -m tests.benchmarks.warnings --data $${SOE_REAL_DATA:-../shared/data}

FIRST_SEED ?= 900
SEEDS ?= 30
bench-detection: $(VENV)/.installed-test ## precision and recall of the detectors on plants that they have not seen
	$(BIN)/python -m tests.benchmarks.detection --first-seed $(FIRST_SEED) --seeds $(SEEDS)

bench-events: $(VENV)/.installed-test ## seconds and memory of detection over ten million shop-floor events
	$(BIN)/python -m tests.benchmarks.events --events 10000000

bench-promises: $(VENV)/.installed-test ## how fast promises are replayed, and how right they were
	$(BIN)/python -m tests.benchmarks.promises --demo --adventureworks $${SOE_REAL_DATA:-../shared/data}
	$(BIN)/python -m tests.benchmarks.suppliers --data $${SOE_REAL_DATA:-../shared/data}

bench-what-if: $(VENV)/.installed-test ## seconds from a lever that is pulled to the new comparison
	$(BIN)/python -m tests.benchmarks.what_if

format: $(VENV)/.installed-test ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove outputs (the workspace), not the environment
	rm -rf data/workspace
