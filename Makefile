# Two commands do everything: `make demo` and `make test`. Each first sets up .venv where it is missing or out of date.

# Another interpreter: PYTHON=python3.12 make test
PYTHON ?= python3
# Your own images for the demo: make demo REAL=FOLDER [VOXEL_SIZE="Z Y X"]
REAL ?=
VOXEL_SIZE ?=
# A quick look: make demo N_TRAIN=100 N_VAL=20 MINUTES=1
N_TRAIN ?= 1000
N_VAL ?= 100
MINUTES ?= 5

BIN := .venv/bin
INSTALLED := .venv/installed-with-$(subst /,-,$(PYTHON))
SOURCES := $(shell find datasets generator segmentation -name '*.py' -o -name '*.toml' -o -name '*.html')

# No rules but those below: make would take `make setup` for a copy of setup.sh.
MAKEFLAGS += --no-builtin-rules

.PHONY: help demo real-is-there test test-all check docs clean

help:
	@echo 'make demo               render, fit, evaluate: a score in 15 minutes'
	@echo 'make demo REAL=FOLDER   the same, and your own labelled images, before and after adapting'
	@echo 'make test               the tests'
	@echo 'make test-all           the tests, and those that take minutes'
	@echo 'make check              format, lint, types, imports, tests, documentation: what a change must pass'
	@echo 'make docs               the documentation as a website, build/site/index.html'
	@echo 'make clean              remove .venv and caches; runs/ stays'

demo: real-is-there $(INSTALLED)
	@$(BIN)/python benchmarks/demo.py --n-train $(N_TRAIN) --n-val $(N_VAL) --minutes $(MINUTES) \
		$(if $(REAL),--real "$(REAL)") $(if $(VOXEL_SIZE),--voxel-size $(VOXEL_SIZE))

# Before minutes of installation, not after.
real-is-there:
	@[ -z "$(REAL)" ] || [ -e "$(REAL)" ] || { echo "REAL=$(REAL): no such folder; expected labelled images" >&2; exit 2; }

# Tests of one file share what they make, so a file stays with one worker. What pytest makes of the tests' source is kept
# for the next time, and so is bytecode for the programs that they start, whatever the environment says.
test: $(INSTALLED)
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-all: $(INSTALLED)
	$(BIN)/pytest -m 'slow or not slow'

check: $(INSTALLED)
	$(BIN)/ruff format --check benchmarks datasets generator segmentation tests website
	$(BIN)/ruff check .
	$(BIN)/mypy
	MYPYPATH=benchmarks $(BIN)/mypy benchmarks website
	$(BIN)/lint-imports
	$(BIN)/pytest
	$(MAKE) docs

# Warnings are errors, and nothing is fetched.
docs: build/examples/made
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo 'build/site/index.html'

# The gallery and the sample report, made anew when the code changes: a minute on two cores.
build/examples/made: $(INSTALLED) website/examples.py $(SOURCES)
	$(BIN)/python website/examples.py $(@D)
	@touch $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(INSTALLED): pyproject.toml constraints.txt setup.sh
	@rm -f .venv/installed-with-*
	@sh setup.sh "$(PYTHON)"
	@touch $@
