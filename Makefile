# Everything a developer runs. Each target sets up what it needs in .venv first, and only that:
# the demo needs neither napari nor Qt.
#
#   make demo                      both stages on the embedded samples
#   make test                      all tests, those of the user interface on a virtual screen
#   make test ARGS="tests/slides"  some of them
#   make demo PYTHON=/path/to/python3.12 PIP_ARGS="--no-cache-dir"

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS)
DEMO_OUT ?= demo-out
ARGS ?=
# A screen for windows where there is none; macOS brings its own.
SCREEN := $(if $(filter Linux,$(shell uname -s)),xvfb-run -a -s "-screen 0 1600x1000x24")

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo test session attack benchmark lint format docs screenshots system-libraries clean

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo: $(VENV)/.with-core ## run both stages on the embedded samples, into demo-out/
	$(BIN)/napari-glands demo --out $(DEMO_OUT) $(ARGS)

test: system-libraries $(VENV)/.with-test ## run the tests, on a virtual screen
	OMP_NUM_THREADS=1 $(SCREEN) $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

session: system-libraries $(VENV)/.with-test ## go through a working session by clicks and keys, and measure it
	$(SCREEN) $(BIN)/python tests/ui/session/run.py $(ARGS)

attack: system-libraries $(VENV)/.with-test ## try to break the program: damaged files, kills, full disks, hostile projects
	$(SCREEN) $(BIN)/python tests/attack/run.py $(ARGS)

benchmark: $(VENV)/.with-test ## check on the GlaS images that the method beats its peers (takes long)
	$(BIN)/python -m pytest -m benchmark $(ARGS)

lint: $(VENV)/.with-lint ## check style, types, layers and the plugin manifest
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari_glands

format: $(VENV)/.with-lint ## put the code in the house's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.with-docs ## build the documentation into site/, warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

screenshots: system-libraries $(VENV)/.with-test ## take the pictures of the user guide anew
	$(SCREEN) $(BIN)/python docs/make_screenshots.py --out docs/images $(ARGS)

system-libraries:
	@.ci/system-libraries

clean: ## remove what was built, .venv included
	rm -rf $(VENV) site build dist $(DEMO_OUT)
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# Stamps: a package set is installed once, and again when pyproject.toml changes.
$(VENV)/.made: | .ci/make-venv
	@.ci/make-venv $(VENV)
	@touch $@

$(VENV)/.with-core: pyproject.toml $(VENV)/.made
	@echo "Installing napari-glands (torch is large: this takes a few minutes)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.with-test: pyproject.toml $(VENV)/.made
	@echo "Installing napari-glands with napari, Qt and the tests' tools"
	@$(PIP) --editable '.[app,test]'
	@touch $(VENV)/.with-core $@

$(VENV)/.with-lint: pyproject.toml $(VENV)/.with-test
	@$(PIP) --editable '.[app,test,lint]'
	@touch $@

$(VENV)/.with-docs: pyproject.toml $(VENV)/.with-core
	@$(PIP) --editable '.[docs]'
	@touch $@
