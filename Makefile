# The map of the project. `make help` lists the targets; PYTHON=python3.12 chooses another Python.
PYTHON ?= python3
NAME ?= ham10000
MINUTES ?= 5
ALL := .venv/all/bin/python
.DEFAULT_GOAL := help
.PHONY: app test test-all lint train notebooks bench screenshots update fuzz clean help

app: ## serve the page at http://127.0.0.1:8000 (settings from the environment, e.g. PORT=8080 make app)
	@$(PYTHON) tools/environment.py app
	@.venv/app/bin/python -m app

test: lint ## install everything, check the code, run all tests but the slow ones
	@$(ALL) -m pytest -m "not slow" -n 2 --dist loadfile --cov --cov-report=term:skip-covered

test-all: lint ## run all tests, the slow ones too (on a second backend)
	@$(ALL) -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: -r tests/requirements-slow.lock
	@$(ALL) -m pytest --cov --cov-report=term:skip-covered

lint: .venv/all ## check style (ruff), types (mypy) and for what is unsafe (bandit)
	@$(ALL) -m ruff check && $(ALL) -m ruff format --check
	@$(ALL) -m mypy && $(ALL) -m bandit --quiet --recursive --configfile pyproject.toml app benchmarks data_analysis data_modelling tools

train: .venv/all ## train DATA/runs/ham10000 or go on with it; NAME=smoke takes that recipe, ONLY=fold0 that network
	@$(ALL) -m data_modelling.train --config data_modelling/configs/$(NAME).toml --out DATA/runs/$(NAME) --resume $(if $(ONLY),--only $(ONLY))

notebooks: .venv/all ## run the notebooks in data_analysis again, with their figures in DATA/plots
	@$(ALL) -m data_analysis.run

screenshots: .venv/all ## make the pictures in docs/screenshots again
	@$(ALL) -m tools.screenshots docs/screenshots

bench: .venv/all ## measure speed, memory and staying up beside others, into docs/benchmarks.md (30 minutes)
	@$(ALL) -m benchmarks

update: ## lock the newest packages within the bounds (KEEP=1: what must change), list their licences
	@$(PYTHON) tools/environment.py tools
	@.venv/tools/bin/python -m tools.locks $(if $(KEEP),--keep) && .venv/tools/bin/python -m tools.licences

fuzz: ## look for files that the photo reader cannot stand, for MINUTES=5 (Linux alone)
	@$(PYTHON) tools/environment.py fuzz
	@.venv/fuzz/bin/python -m tests.fuzz --minutes $(MINUTES)

clean: ## remove the environments and all caches; DATA stays
	@rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 13

.PHONY: .venv/all
.venv/all:
	@$(PYTHON) tools/environment.py all
