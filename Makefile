# Two commands: `make demo` installs Escadre and runs the complete chain; `make test` also installs what the tests need, and runs them.
# Needs Python 3.11 or newer and a package index. Everything is installed into .venv/ and can be deleted with it.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# quiet: pip prints no index address and asks no question
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
# without byte code on disk, each command compiles all of Escadre when it starts: half a second
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test install dev lint generated pins bench clean
demo: install
	@$(BIN)/escadre demo

test: dev
	$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

install: $(VENV)/run
dev: $(VENV)/dev

$(VENV)/python:
	@sh .ci/venv "$(PYTHON)" "$(VENV)"
	@touch $@

$(VENV)/run: $(VENV)/python requirements/run.txt pyproject.toml
	@echo "Installing Escadre into $(VENV)/ (once, 580 MB)"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/dev: $(VENV)/run requirements/dev.txt
	@echo "Installing what the tests need (once, 320 MB more)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# writes the generated files, which are committed; CI fails where this changes one
generated: dev
	$(BIN)/python -m commodore.reference docs/artefacts
	$(BIN)/python -m eye.elastic.templates
	$(BIN)/python -m escadre.helps docs/commands.md
	$(BIN)/python -m hunter.reference docs/removals.md

# renews the pins; needs uv. The files contain versions and hashes only
pins:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -c requirements/run.txt --extra test pyproject.toml -o requirements/dev.txt

bench: dev
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .cache .corpus .mypy_cache .ruff_cache .pytest_cache
