# Everything a person types. `make run` starts a relay, `make test` runs every test; both fill .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LNBITS := .cache/lnbits
LND := .cache/lnd
MUTATE := .cache/mutate
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

# Of the tests: the paths, options for pytest, and how many processes share what can be shared.
TESTS ?=
PYTEST ?=
WORKERS ?= auto
# Of what measures speed: options, and another relay on this machine.
BENCH ?=
COMPARE ?=
RUN_TESTS := $(BIN)/python -m tests.run --workers $(WORKERS)

.PHONY: help install run test test-fast test-more test-browser forensic lnbits test-lnd coverage mutate bench web locale check check-web format lock lock-lnbits lock-mutate clean
help:
	@echo "make run      start a relay on ws://127.0.0.1:7447 with its own Postgres under ./data"
	@echo "make test     run all tests (no system package needed), some in parallel, then some alone"
	@echo "make test-fast run the tests that need no server: no database, no Lightning node"
	@echo "make test-more run the tests that are left out of make test because they take long, or need a package index"
	@echo "make test-browser open the pages in real browsers: Chromium, and Firefox where it is installed (with Node)"
	@echo "make forensic try to name order, time and address of notes on a seized disk, in each profile, and print what is found (half an hour)"
	@echo "make lnbits   install LNbits, a Lightning wallet, under .cache; the tests then use it"
	@echo "make test-lnd run the tests that need real Lightning nodes (LND on btcd), built with Go under .cache"
	@echo "make coverage run the unit, property and integration tests, and tell what they ran of each room of relay/"
	@echo "make mutate   try which faults in verify/ and in the code that settles payments no test notices (up to an hour)"
	@echo "make bench    measure how fast the relay is, on 20,000 and on 1,000,000 notes (half an hour; the first time, more)"
	@echo "make web      build the scripts of the pages, and the file that signs, from web/ (with Node)"
	@echo "make locale   write the catalogues of the pages' texts anew; then translate what is new in relay/pages/locale"
	@echo "make check    format, lint, types and import contracts"
	@echo "make install  fill .venv from requirements.lock"
	@echo "make lock     write requirements.lock anew from the ranges in pyproject.toml"
	@echo
	@echo "The targets that test take:"
	@echo "  TESTS=tests/unit            paths, or path::test: only these"
	@echo "  WORKERS=4                   processes for the tests in parallel; 0 for none, as a debugger needs it (default: one a core)"
	@echo "  PYTEST='-k name'            options for pytest:"
	@echo "     -k EXPRESSION            only tests with such names, as -k 'ring and not property'"
	@echo "     -x                       end with the first failure"
	@echo "     --durations=20           show the slowest"
	@echo "     --timeout=SECONDS        the limit on each test (300; 0 for none)"
	@echo "     --hypothesis-seed=N      repeat what Hypothesis draws"
	@echo "     -s, -v, --tb=short       show what tests print, each test's name, shorter tracebacks"
	@echo "  MUTANTS='--mutants 50 --seed 2 relay/verify/pool.py'  of make mutate: how many of each folder, which, of which files"
	@echo "  BENCH='--quick'             of make bench: one round of small loads, about three minutes. Others:"
	@echo "     --only ingest            only figures whose names begin so"
	@echo "     --notes 20000            the size of the store; --rounds 5, how often; --json FILE, where to write all figures"
	@echo "  COMPARE=ws://127.0.0.1:7777 of make bench: load that relay with the same notes, beside ours"
	@echo "  RELAY_TEST_TIME_FACTOR=3    for a slow machine: stretch every bound on time that a test fails over"
	@echo "  RELAY_TEST_DATABASE_URL=... run the database tests on this server too"

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml deploy/check_platform.py
	@$(PYTHON) deploy/check_platform.py
	@echo "Installing into $(VENV) from requirements.lock; this takes about a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP_INSTALL) --require-hashes --only-binary :all: -r requirements.lock
	@$(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

run: install
	@exec $(BIN)/ringrelay serve

test: install
	@$(RUN_TESTS) $(PYTEST) $(TESTS)

test-fast: install
	@$(RUN_TESTS) --marked 'not servers' $(PYTEST) $(or $(TESTS),tests/unit tests/property)

test-more: install
	@RELAY_TEST_MORE=1 $(RUN_TESTS) --marked more $(PYTEST) $(TESTS)

# Each test file starts browsers of its own, so that files can run side by side.
test-browser: install
	@RELAY_TEST_BROWSER=1 $(RUN_TESTS) --marked browser $(PYTEST) --dist loadfile $(or $(TESTS),tests/browser)

forensic: install
	@RELAY_TEST_FORENSIC=1 $(BIN)/python -m pytest -s -v $(PYTEST) $(or $(TESTS),$(wildcard tests/adversity/test_forensics*.py) tests/adversity/test_crash_held_notes.py)

# Where LNbits does not run, the tests with it say so and are skipped.
lnbits:
	@case $$($(PYTHON) -c 'import sys; print(sys.version_info < (3, 13))') in \
	True) $(MAKE) --no-print-directory $(LNBITS)/.installed;; \
	False) echo "LNbits runs on Python up to 3.12; name one to test with it: make lnbits PYTHON=python3.12";; \
	*) exit 1;; esac

# Four of its packages are no wheels; what builds them (setuptools) comes with a hash, too. The lock file is whole, and
# pip cannot match LNbits' pydantic[email] to it.
$(LNBITS)/.installed: tests/lnbits/build.lock tests/lnbits/requirements.lock
	$(PYTHON) -m venv --clear $(LNBITS)
	$(LNBITS)/bin/python $(PIP_INSTALL) --require-hashes --only-binary :all: -r tests/lnbits/build.lock
	$(LNBITS)/bin/python $(PIP_INSTALL) --require-hashes --no-deps --no-build-isolation \
		--only-binary :all: --no-binary embit,http-ece,pyqrcode,tlv8 -r tests/lnbits/requirements.lock
	@touch $@

test-lnd: install $(LND)/lnd
	RELAY_TEST_LND=1 $(BIN)/python -m pytest $(PYTEST) $(or $(TESTS),tests/lnd)

# invoicesrpc is how an invoice is cancelled. One package at a time and nicely: it takes minutes.
$(LND)/lnd: tests/lnd/go.mod tests/lnd/go.sum
	@command -v go >/dev/null || { echo "make test-lnd builds LND with Go; install it: https://go.dev/dl"; exit 1; }
	mkdir -p $(LND)
	cd tests/lnd && CGO_ENABLED=0 nice go build -p 1 -trimpath -ldflags=-s -tags invoicesrpc -o $(CURDIR)/$(LND)/ tool
	@touch $@

# Both rounds of the tests add to one file.
coverage: install
	@rm -rf .cache/coverage && mkdir -p .cache/coverage
	@$(RUN_TESTS) --cov --cov-append --cov-report= $(PYTEST) tests/unit tests/property tests/integration; status=$$?; \
	$(BIN)/python -m tests.room_coverage && exit $$status

mutate: install $(MUTATE)/.installed
	$(MUTATE)/bin/python -m tests.mutation.run --python $(BIN)/python $(MUTANTS)

# One of its packages is no wheel.
$(MUTATE)/.installed: tests/lnbits/build.lock tests/mutation/requirements.lock
	$(PYTHON) -m venv --clear $(MUTATE)
	$(MUTATE)/bin/python $(PIP_INSTALL) --require-hashes --only-binary :all: -r tests/lnbits/build.lock
	$(MUTATE)/bin/python $(PIP_INSTALL) --require-hashes --no-build-isolation --only-binary :all: --no-binary yattag \
		-r tests/mutation/requirements.lock
	@touch $@

bench: install
	@$(BIN)/python -m bench $(if $(COMPARE),--compare '$(COMPARE)') $(BENCH)

# The built files are committed: a relay needs no Node.
web: web/node_modules/.installed
	cd web && node build.mjs

web/node_modules/.installed: web/package-lock.json
	@command -v npm >/dev/null || { echo "make web needs Node 20 or newer with npm; install it: https://nodejs.org"; exit 1; }
	cd web && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

locale: install
	@$(BIN)/python -m tests.catalogues.write

# Where the packages cannot be had, the tests say whether that is the registry's fault or the lock file's.
check-web:
	@if ! command -v npm >/dev/null; then echo "web/ is not checked: that needs Node 20 or newer with npm"; \
	elif ! $(MAKE) --no-print-directory web/node_modules/.installed; then echo "web/ is not checked: npm ci failed, see above"; \
	else cd web && npx eslint . && npx tsc && node build.mjs --check; fi

check: install check-web
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# With the extras of packages, which older pips want to see beside hashes.
UV_COMPILE := .cache/lock/bin/uv pip compile --generate-hashes --universal --python-version 3.11 --upgrade --no-strip-extras --quiet

.cache/lock/bin/uv:
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python $(PIP_INSTALL) 'uv>=0.5,<1'

lock: .cache/lock/bin/uv
	$(UV_COMPILE) --custom-compile-command 'make lock' pyproject.toml --extra server --extra dev -o requirements.lock

lock-lnbits: .cache/lock/bin/uv
	$(UV_COMPILE) --custom-compile-command 'make lock-lnbits' tests/lnbits/requirements.in -o tests/lnbits/requirements.lock
	echo setuptools | $(UV_COMPILE) --custom-compile-command 'make lock-lnbits' - -o tests/lnbits/build.lock

lock-mutate: .cache/lock/bin/uv
	$(UV_COMPILE) --custom-compile-command 'make lock-mutate' tests/mutation/requirements.in -o tests/mutation/requirements.lock

clean:
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
