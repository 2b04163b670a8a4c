# make demo: the whole fleet on this machine. make test: the tests, with services of their own. make check: what a commit must pass.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := -q --disable-pip-version-check

.PHONY: demo story test faults bench infra-check check format lock clean

demo: $(VENV)/.all
	$(BIN)/waste demo $(ARGS)

# Drift, alert, training, trial and roll-back on this machine; about four minutes.
story: $(VENV)/.all
	$(BIN)/waste story $(ARGS)

# First what measures no time, two at a time, each on one thread: two libraries that spin for the same cores take three times as long.
# Then fleets and faults, each alone. One file: .venv/bin/python -m pytest FILE.
test: $(VENV)/.dev .venv-sqs/.done
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/architecture tests/contract tests/integration tests/unit $(ARGS)
	$(BIN)/python -m pytest tests/compose tests/e2e tests/faults $(ARGS)

# All of the fault suite, about twenty-five minutes; the planted faults are part of it.
faults: $(VENV)/.dev
	$(BIN)/python -m pytest tests/faults --faults --planted $(ARGS)

# The fleet against the limit of this machine and against a tutorial's worker; about half an hour.
bench: $(VENV)/.dev
	$(BIN)/python -m pip install $(PIP) --require-hashes -r requirements/bench.txt
	$(BIN)/python -m benchmarks $(ARGS)

# The images, the compose file, Terraform and workflows, as far as this machine can: see infra/check.
infra-check: $(VENV)/.dev .venv-infra/.done
	infra/check $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.dev
	requirements/lock.sh

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.all: $(VENV)/bin/python requirements/all.txt
	$(BIN)/python -m pip install $(PIP) --require-hashes -r requirements/all.txt
	$(BIN)/python -m pip install $(PIP) --require-hashes -r requirements/build.txt
	$(BIN)/python -m pip install $(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python requirements/dev.txt requirements/build.txt
	$(BIN)/python -m pip install $(PIP) --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install $(PIP) --require-hashes -r requirements/build.txt
	$(BIN)/python -m pip install $(PIP) --no-deps --no-build-isolation -e .
	touch $@ $(VENV)/.all

# PyTorch, for `waste learn train --finetune` and its tests. Its CPU build has to be found: see the README.
$(VENV)/.finetune: $(VENV)/.dev requirements/finetune.txt
	$(BIN)/python -m pip install $(PIP) --require-hashes -r requirements/finetune.txt
	touch $@

# The SQS emulator pins another botocore than ours: it lives alone.
.venv-sqs/.done: requirements/sqs-emulator.txt
	$(PYTHON) -m venv .venv-sqs
	.venv-sqs/bin/python -m pip install $(PIP) --require-hashes -r requirements/sqs-emulator.txt
	touch $@

# Linters of infra/, with dependencies of their own.
.venv-infra/.done: requirements/infra.txt
	$(PYTHON) -m venv .venv-infra
	.venv-infra/bin/python -m pip install $(PIP) --require-hashes -r requirements/infra.txt
	touch $@

clean:
	rm -rf $(VENV) .venv-sqs .venv-infra .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
