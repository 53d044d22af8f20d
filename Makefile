# Quarterdeck. `make run` and `make test` need Python 3.11 or newer and make; they do the rest.

# The first Python that is new enough.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# What `make test` hands to Python; `make coverage` runs the same under coverage.
RUNNER ?= -m pytest
# The modules whose coverage must not fall below 95 %: they write the record.
RECORDING := monitoring/hooks.py,monitoring/inbox.py,monitoring/recorder.py,monitoring/batch.py,monitoring/transitions.py,monitoring/facts.py,monitoring/bulk.py

.DEFAULT_GOAL := help
.PHONY: help run test lint coverage coverage-report audit bench chaos fuzz clean

help:  ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(INSTALLED)  ## Starts everything on this machine (PORT, HOST, DEMO, DATABASE_URL, REDIS_URL: see README.md).
	@exec $(BIN)/python manage.py up

test: $(INSTALLED_DEV)  ## Runs the tests, on SQLite and the embedded Valkey unless DATABASE_URL and REDIS_URL say else.
	@$(BIN)/python $(RUNNER)

lint: $(INSTALLED_DEV)  ## Checks style, types, the layers, and that no migration is missing.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml audit config monitoring scheduler manage.py
	$(BIN)/python manage.py makemigrations --check --dry-run

# Not part of CI: it asks the vulnerability database of PyPI, which not every machine can reach.
audit: $(INSTALLED_DEV)  ## Looks the pinned packages up among the known vulnerabilities; needs the network.
	$(BIN)/pip-audit --requirement requirements.txt --no-deps --disable-pip

coverage: $(INSTALLED_DEV)  ## Runs the tests and checks the coverage of what writes the record.
	@$(MAKE) --no-print-directory test RUNNER="-m coverage run -m pytest"
	@$(MAKE) --no-print-directory coverage-report

coverage-report: $(INSTALLED_DEV)
	$(BIN)/coverage report --include=$(RECORDING) --show-missing --fail-under=95

bench: $(INSTALLED_DEV)  ## Measures recording's price, the recorder's speed and the latency to the browser.
	@$(BIN)/python -m benchmarks

chaos: $(INSTALLED_DEV)  ## Breaks a Quarterdeck of its own in every way, and counts what was lost (half an hour; see docs/reliability.md).
	@$(BIN)/python -m chaos

fuzz: $(INSTALLED_DEV)  ## Sends 20,000 and more requests that nobody would, as every role (EXAMPLES, ROLES: see benchmarks/fuzz.py).
	@$(BIN)/python -m benchmarks fuzz

clean:  ## Removes what the other targets made, except the data in var/.
	rm -rf $(VENV) .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Quarterdeck needs Python 3.11 or newer; name one: make run PYTHON=/path/to/python3" >&2; exit 1; }
	@rm -f $(INSTALLED) $(INSTALLED_DEV)
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(INSTALLED): requirements.txt | $(BIN)/python
	@echo "Installing the packages into $(VENV); this takes a minute, once."
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt | $(BIN)/python
	@echo "Installing the packages for development into $(VENV); this takes a minute, once."
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $(INSTALLED) $@
