# Every command of the project. `make` alone lists them.
# Only make and Python 3.11+ are expected; the rest is installed into .venv, pinned and with hashes.
# Paths are relative on purpose: the folder of the clone may have any name.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

VENV_PYTHON := .venv/bin/python
PIP := $(VENV_PYTHON) -m pip --disable-pip-version-check --no-input --quiet install --require-hashes
FLASK := $(VENV_PYTHON) -m flask --app app
ARGS ?=
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

.PHONY: run
run: .venv/installed ## Start the shop on http://localhost:5000 (PORT, HOST); installs what is missing first
	@exec $(FLASK) serve

.PHONY: test
test: .venv/installed-dev browser ## Run the whole suite: SQLite, PostgreSQL, Chromium (ARGS="tests/cart -k total")
	@exec $(VENV_PYTHON) -m pytest -n 2 $(ARGS)

.PHONY: check
check: .venv/installed-dev check-code check-templates check-migrations ## Lint, types, imports, templates, migrations

.PHONY: check-code
check-code: .venv/installed-dev
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m ruff format --check
	$(VENV_PYTHON) -m mypy commerce app.py
	.venv/bin/lint-imports --no-cache

.PHONY: check-templates
check-templates: .venv/installed-dev
	$(VENV_PYTHON) -m djlint --lint --quiet templates
	$(VENV_PYTHON) -m tests.support.templates templates

# A freshly migrated database must hold exactly what the models say, on both databases.
.PHONY: check-migrations
check-migrations: .venv/installed-dev
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	export VAR_DIR="$$folder" && \
	echo "migrations on SQLite" && \
	DATABASE_URL="sqlite:///$$folder/check.db" sh -c '$(FLASK) db upgrade && $(FLASK) db check' && \
	echo "migrations on PostgreSQL" && \
	$(VENV_PYTHON) -m tests.support.postgres -- sh -c '$(FLASK) db upgrade && $(FLASK) db check'

.PHONY: format
format: .venv/installed-dev ## Format the code and fix what can be fixed by itself
	$(VENV_PYTHON) -m ruff check --fix --exit-zero --quiet
	$(VENV_PYTHON) -m ruff format

.PHONY: bench
bench: .venv/installed-dev browser ## Run every benchmark in bench/ (one: make bench BENCH=checkout)
	@for file in bench/$(or $(BENCH),[a-z]*).py; do \
		[ -e "$$file" ] || { echo "There is no $$file."; exit 1; }; \
		echo "== $$file"; $(VENV_PYTHON) -m "bench.$$(basename "$$file" .py)" $(ARGS) || exit 1; \
	done

.PHONY: profile
profile: .venv/installed-dev ## Show what a step of a purchase or a page spends its time on (STEP=place)
	@$(VENV_PYTHON) -m bench.pages --profile "$(or $(STEP),place)" $(ARGS)

# The languages of mails; the compiled catalogues are committed, so a fresh clone speaks all of them at once.
BABEL := .venv/bin/pybabel -q
.PHONY: messages
messages: .venv/installed-dev ## Collect the words of mails for translation, and compile what is translated
	$(BABEL) extract --no-default-keywords -k _ -k N_ -k gettext -k ngettext:1,2 --omit-header --sort-output --no-location \
		-F babel.cfg -o translations/mails.pot .
	$(BABEL) update -D mails -i translations/mails.pot -d translations --no-fuzzy-matching --no-wrap \
		--ignore-pot-creation-date
	$(BABEL) compile -D mails -d translations

.PHONY: screenshots
screenshots: .venv/installed-dev browser ## Take the pictures of the documentation anew
	$(VENV_PYTHON) -m docs.screenshots

.PHONY: lock
lock: ## Pin the dependencies of pyproject.toml anew, with hashes (needs uv)
	@command -v uv >/dev/null || { echo "Locking needs uv: https://docs.astral.sh/uv/"; exit 1; }
	uv pip compile pyproject.toml $(LOCK) -o requirements.txt
	uv pip compile pyproject.toml --group dev $(LOCK) -o requirements-dev.txt
LOCK := --universal --python-version 3.11 --generate-hashes -q --no-header --no-emit-index-url

.PHONY: clean
clean: ## Remove the virtual environment and caches; the shop's data in var/ stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: browser
browser: .venv/installed-dev
	@$(VENV_PYTHON) -m tests.support.browser >/dev/null

.venv/installed: requirements.txt | .venv/made
	@echo "Installing the pinned dependencies into .venv (once, about a minute)."
	@$(PIP) -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt | .venv/made
	@echo "Installing the pinned dependencies and test tools into .venv (once, a few minutes)."
	@$(PIP) -r requirements-dev.txt
	@touch $@ .venv/installed

# The newest Python that dependencies are built for; a name may exist and not run (version managers leave such), so
# each is tried. Debian splits venv from Python: its absence is said here, before half an environment is left behind.
.venv/made:
	@set -e; chosen=; \
	if .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
		touch .venv/made; exit 0; \
	fi; \
	for candidate in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			chosen=$$candidate; break; \
		fi; \
	done; \
	if [ -z "$$chosen" ]; then \
		echo "Lockstep needs Python 3.11 or newer and found none: install it, or name it with 'make run PYTHON=/path/to/python3'."; \
		exit 1; \
	fi; \
	if ! "$$chosen" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
		echo "$$($$chosen --version) lacks the venv module: on Debian or Ubuntu run 'sudo apt-get install python3-venv', then 'make run' again."; \
		exit 1; \
	fi; \
	rm -rf .venv; \
	"$$chosen" -m venv .venv; \
	touch .venv/made
