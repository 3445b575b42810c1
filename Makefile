# Every target works from a fresh clone; `make help` lists them.
PYTHON   ?= python3
HOST     ?= 127.0.0.1
PORT     ?= 8000
BASE_URL ?= http://$(HOST):$(PORT)

VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip -qq --no-input
PYTEST := $(BIN)/python -m pytest --quiet -n auto --maxprocesses 4 --dist worksteal
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help demo test lint audit docs messages bench mutants lock clean port-is-free
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 8

demo: port-is-free $(VENV)/.demo  ## run the example site (HOST=127.0.0.1 PORT=8000)
	@export BASE_URL='$(BASE_URL)' && \
	$(BIN)/python manage.py migrate --verbosity 0 && \
	$(BIN)/python manage.py seed_demo && \
	exec $(BIN)/python manage.py runserver --noreload $(HOST):$(PORT)

test: $(VENV)/.test  ## run the tests that need no server and no browser
	@$(PYTEST) -m "not (redis or wakeups or stress or browser or sdk or sites)" $(ARGS)

lint: $(VENV)/.lint  ## check style (ruff) and types (mypy)
	@$(BIN)/python -m ruff check --quiet
	@$(BIN)/python -m ruff format --check --quiet
	@$(BIN)/python -m mypy --no-error-summary

audit: $(VENV)/.audit  ## ask PyPI for known weaknesses of what is locked
	@PATH="$(BIN):$$PATH" $(BIN)/python .ci/advisories.py

docs: $(VENV)/.docs  ## write what comes from the code, and build the documentation into build/docs
	@$(BIN)/python -m tests.support.reference
	@$(BIN)/python -m tests.support.readme
	@$(BIN)/python -m tests.support.mail_document
	@$(BIN)/python -m tests.sdk.documentation
	@$(BIN)/python -m sphinx -W --keep-going -n -q -c docs . build/docs

messages:  ## find texts to translate and compile what is translated (needs GNU gettext)
	@cd dbconnections && ../$(BIN)/python -m django makemessages --all --no-location --no-obsolete --verbosity 0
	@cd dbconnections && ../$(BIN)/python -m django compilemessages --verbosity 0

bench: $(VENV)/.bench  ## compare a request with every peer's (ARGS=--short takes a minute)
	@$(VENV)/bench/bin/python -m benchmarks$(if $(OF),.$(OF)) $(ARGS)

mutants: $(VENV)/.mutation  ## see whether the tests notice changes to the code; half an hour
	@$(BIN)/python -m tests.support.mutation $(ARGS)

LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --no-annotate --no-header --upgrade --quiet

lock: $(VENV)/.dev  ## renew the versions that development uses
	@$(LOCK) --group dev --group mutation --all-extras --output-file requirements-dev.txt
	@$(LOCK) --group benchmarks --output-file requirements-bench.txt

clean:  ## remove what these targets made, but not the demo's data in var/
	@rm -rf $(VENV) build dist mutants htmlcov .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

# .venv/.GROUP stands for: that dependency group of pyproject.toml is installed.
$(VENV)/.%: pyproject.toml requirements-dev.txt | $(VENV)/.pip
	@echo "Installing the $* dependencies into $(VENV)"
	@$(PIP) install --editable . --group $* --constraint requirements-dev.txt
	@touch $@

# An environment of its own: the peers hold Django back, and are no part of what is tested.
$(VENV)/.bench: pyproject.toml requirements-bench.txt | $(VENV)/.pip
	@echo "Installing the peers into $(VENV)/bench"
	@$(BIN)/python -m venv --clear $(VENV)/bench
	@$(VENV)/bench/bin/python -m pip -qq --no-input install --upgrade 'pip>=25.1'
	@$(VENV)/bench/bin/python -m pip -qq --no-input install --editable . --group benchmarks \
	--constraint requirements-bench.txt
	@touch $@

# --group needs pip 25.1; Python 3.11 brings an older one.
$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "make: '$(PYTHON)' is not Python 3.11 or later; name one with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo "make: '$(PYTHON)' cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

port-is-free: | $(VENV)/.pip
	@$(BIN)/python -c 'import socket; socket.create_server(("$(HOST)", $(PORT)))' 2>/dev/null || \
	{ echo "make: cannot listen on $(HOST):$(PORT), is it taken? Choose another with PORT=..." >&2; exit 1; }
