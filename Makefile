# make demo | test | test-all | fuzz | library-tests | lint | bench: each sets up .venv first (nothing is done twice)
# and then runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SILERO := silero-vad==6.2.3
WORKERS ?= 2
MUTANTS ?= 100000

# Two test processes that each start a thread per core only get in each other's way.
test test-all fuzz: export OMP_NUM_THREADS ?= 1

.PHONY: venv demo test test-all fuzz library-tests lint format bench clean
.DEFAULT_GOAL := test

venv: $(VENV)/.stamp

# constraints.txt pins torch too: an open range could bring another build of it, of several gigabytes.
$(VENV)/.stamp: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[torch,dev]'
	touch $@

# The demo runs the speech detector that this wheel ships. The package itself is never imported, so it comes without
# its dependencies.
$(VENV)/.stamp-demo: $(VENV)/.stamp
	$(BIN)/python -m pip install -qq --no-deps '$(SILERO)'
	touch $@

demo: $(VENV)/.stamp-demo
	$(BIN)/python examples/quickstart.py

test: $(VENV)/.stamp
	$(BIN)/python -m pytest -q -n $(WORKERS) -m 'not slow'

test-all: $(VENV)/.stamp
	$(BIN)/python -m pytest -q -n $(WORKERS)

# Damaged and hostile archives; `make fuzz MUTANTS=2000`. What torch.jit.load makes of them: add --loader torch.
fuzz: $(VENV)/.stamp
	$(BIN)/python -m tests.serialization.fuzzing --mutants $(MUTANTS) --workers $(WORKERS)

# The tests of libraries that use torch.jit, with PyTorch and with flambeau.
library-tests: $(VENV)/.stamp
	$(BIN)/python tools/run_library_tests.py e3nn

lint: $(VENV)/.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src/
	$(BIN)/lint-imports

format: $(VENV)/.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.stamp
	$(BIN)/python -m benchmarks

clean:
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
