# Everything a person types. `make run` starts a relay, `make test` runs every test; both fill .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install run test check format lock clean
help:
	@echo "make run      start a relay on ws://127.0.0.1:7447 with its own Postgres under ./data"
	@echo "make test     run all tests (no system package needed)"
	@echo "make check    format, lint, types and import contracts"
	@echo "make install  fill .venv from requirements.lock"
	@echo "make lock     write requirements.lock anew from the ranges in pyproject.toml"

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml deploy/check_platform.py
	@$(PYTHON) deploy/check_platform.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: install
	@exec $(BIN)/ringrelay serve

test: install
	$(BIN)/python -m pytest $(TESTS)

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5,<1'
	.cache/lock/bin/uv pip compile pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 \
		--custom-compile-command 'make lock' --upgrade --quiet -o requirements.lock

clean:
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
