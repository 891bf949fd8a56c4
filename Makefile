# Everything a newcomer, a developer and the checks need; `make` lists it.
# Needs Python 3.11 or later. Another one than python3: make PYTHON=python3.12 …
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet --no-input
CHECKED := schemas services tests
PYTEST := $(BIN)/pytest
# Test files at once: most of what the tests do is to wait for processes, servers and time-outs.
AT_ONCE ?= 3

# One installation at a time, also between two calls of make: the second waits, then finds the work done.
ALONE := $(PYTHON) -c 'import fcntl, subprocess, sys; lock = open(".make.lock", "w"); fcntl.flock(lock, fcntl.LOCK_EX); sys.exit(subprocess.call(sys.argv[1:], close_fds=False))'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install dev parts demo up kafka test lint types imports unit contract integration e2e compose-test bench bench-scale format lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: ## Make .venv from requirements.lock
	@$(ALONE) $(MAKE) --silent .venv/.installed

dev: ## Add the tools of requirements-dev.lock to .venv
	@$(ALONE) $(MAKE) --silent .venv/.dev

demo: install ## Run the sample partnership to its end and show what happened
	@$(BIN)/quorate demo

up: install ## Keep Quorate running, with its pages on this machine
	@$(BIN)/quorate up

kafka: install ## Keep a Kafka broker running for development; KAFKA_PORT=…, KAFKA_DATA=…
	@$(ALONE) .ci/parts java maven
	@exec $(BIN)/python -m deploy.kafka.broker $(if $(KAFKA_PORT),--port '$(KAFKA_PORT)') $(if $(KAFKA_DATA),--data '$(KAFKA_DATA)')

test: dev parts ## Run every check
	@$(MAKE) --silent lint
	@$(MAKE) --silent types
	@$(MAKE) --silent imports
	@$(PYTEST) -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder

lint: dev ## Check style and layout (ruff)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: dev ## Check types (mypy)
	$(BIN)/mypy $(CHECKED)

imports: dev ## Check which room uses which (import-linter)
	$(BIN)/lint-imports --no-logo

unit contract: dev ## Run the tests of the rules, or of what travels
	$(PYTEST) tests/$@

integration e2e: dev parts ## Run the tests with real parts, or of the whole
	$(PYTEST) tests/$@

compose-test: dev ## Build the image, and run deploy/compose.yaml under podman while containers are killed (root)
	@$(ALONE) .ci/parts java maven podman runc iptables netavark aardvark-dns debootstrap
	$(BIN)/python -m tests.e2e.composition.run

bench: dev parts ## Measure, beside the ceiling of this machine
	$(BIN)/python -m tests.bench.embedded
	$(BIN)/python -m tests.bench.directory_size
	$(BIN)/python -m tests.bench.replies
	$(BIN)/python -m tests.bench.records

bench-scale: dev parts ## Measure the whole line at scale, beside the ceiling and Celery
	@$(ALONE) .ci/parts redis-server
	$(BIN)/python -m tests.bench.scale
	$(BIN)/python -m tests.bench.scale --memory

format: dev ## Lay out the code and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# uv, in a throw-away environment, writes them. Pins stay; to take newer ones: make lock UPGRADE=--upgrade
lock: ## Write the lock files anew from pyproject.toml
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT \
	&& $(PYTHON) -m venv "$$tools" && "$$tools/bin/pip" --disable-pip-version-check --quiet install 'uv>=0.9,<1' \
	&& compile="$$tools/bin/uv pip compile --quiet pyproject.toml --group pyproject.toml:build --universal --generate-hashes \
	   --python-version 3.11 --no-config $(UPGRADE)" \
	&& $$compile --custom-compile-command 'make lock' -o requirements.lock \
	&& $$compile --custom-compile-command 'make lock' --extra dev -c requirements.lock -o requirements-dev.lock \
	&& "$$tools/bin/uv" pip compile --quiet --group pyproject.toml:mesh-sandbox --universal --generate-hashes \
	   --python-version 3.11 --no-config $(UPGRADE) --custom-compile-command 'make lock' -o tests/mesh/requirements.lock

clean: ## Remove what make made; var/ (the data) stays
	rm -rf .venv .make.lock .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

parts:
	@$(ALONE) .ci/parts chromium dovecot horde libical smtp-sink java maven mesh-sandbox

.venv/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Quorate needs Python 3.11 or later; $(PYTHON) is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@PYTHON='$(PYTHON)' .ci/parts venv
	@echo "Making .venv from requirements.lock"
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.dev: requirements-dev.lock | .venv/.installed
	@echo "Adding the tools of requirements-dev.lock"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
