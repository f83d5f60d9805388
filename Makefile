# Every target sets up what it needs by itself: virtual environment, PostgreSQL, RabbitMQ (see infra/local).
.DEFAULT_GOAL := help
.PHONY: help up status logs down demo test check bench load directory environment lock clean

# Debian's own Python first: it is built with optimizations, which one built at home often is not
PYTHON ?= $(shell /usr/bin/python3.11 -c 'import venv, ensurepip' 2>/dev/null && echo /usr/bin/python3.11 \
	|| command -v python3.11 || command -v python3)
LOCAL = @$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo 'vestibule: Python 3.11 or newer is needed (set PYTHON=...)' >&2; exit 2; }; \
	exec $(PYTHON) -m infra.local
ARGS ?=
export KEEP SERVICE FOLLOW IDPS PEOPLE MINUTES SEED TARGET USERS GROUPS ROUNDS

help: ## list the targets
	@sed -n 's/^\([a-z]*\): *## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## three customers' IdPs feed one service desk; ends by itself (KEEP=1 leaves it running)
	$(LOCAL) demo $(ARGS)

test: ## run the tests against private servers (ARGS="-k name" goes to pytest)
	$(LOCAL) test $(ARGS)

check: ## formatting, lint, types, import contracts
	$(LOCAL) check

up: ## start everything in the background; return when it is ready
	$(LOCAL) up

status: ## what runs, and where
	$(LOCAL) status

logs: ## the end of the logs (SERVICE=ingest for one, FOLLOW=1 to go on)
	$(LOCAL) logs

down: ## stop what this checkout started
	$(LOCAL) down

bench: ## measure throughput and latency; prints and saves a table (ROUNDS=3)
	$(LOCAL) bench $(ARGS)

load: ## many IdPs at once, then a report (IDPS=50 PEOPLE=500 MINUTES=5 SEED=1; TARGET=connections.json)
	$(LOCAL) load $(ARGS)

directory: ## a large directory loaded, listed, searched, exported (USERS=100000 GROUPS=2000)
	$(LOCAL) directory $(ARGS)

environment: ## only make .venv from requirements.lock
	$(LOCAL) environment

lock: ## resolve pyproject.toml into requirements.lock anew
	$(LOCAL) lock

clean: ## stop everything and delete .local, .venv and caches of tools
	$(LOCAL) remove
	@rm -rf .local .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
