# The map of the project. `make help` lists the targets; PYTHON=python3.12 chooses another Python.
PYTHON ?= python3
NAME ?= ham10000
MINUTES ?= 5
ALL := .venv/all/bin/python
# In the order of the folders, so that the last ones are short and neither process waits for the other.
QUICK := -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder --durations=20
LOCKS := requirements.lock requirements-cluster.lock $(patsubst %,%/requirements.lock,app data_analysis data_modelling tests tests/fuzz tools) \
	tests/requirements-slow.lock
BABEL := $(ALL) -m babel.messages.frontend
POT := .cache/messages.pot
MARKS := -k _ -k translate -k mark_message -k PhotoError:2 -k FieldError:3
RENEW := --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date -w 110
.DEFAULT_GOAL := help
.PHONY: app test coverage test-all lint train notebooks bench screenshots update messages fuzz clean help

app: ## serve the page at http://127.0.0.1:8000 (settings from the environment, e.g. PORT=8080 make app)
	@$(PYTHON) tools/environment.py app
	@.venv/app/bin/python -m app

# The tests start hundreds of Python processes. Without bytecode files each of them compiles TensorFlow again: ten seconds.
test coverage test-all: export PYTHONDONTWRITEBYTECODE =

test: lint ## install everything, check the code, run all tests but the slow ones
	@$(ALL) -m pytest $(QUICK)

coverage: .venv/all ## run the same tests and list the lines and branches that none of them takes (a third slower)
	@$(ALL) -m pytest $(QUICK) --cov --cov-report=term:skip-covered

test-all: lint ## run all tests, the slow ones too (on a second backend)
	@$(PYTHON) tools/environment.py all --slow
	@$(ALL) -m pytest

lint: .venv/all ## check style (ruff), types (mypy), the direction of imports and for what is unsafe (bandit)
	@$(ALL) -m ruff check && $(ALL) -m ruff format --check && .venv/all/bin/lint-imports --no-logo
	@$(ALL) -m mypy && $(ALL) -m bandit --quiet --recursive --configfile pyproject.toml app benchmarks data_analysis data_modelling tools

train: .venv/all ## train DATA/runs/ham10000 or go on with it; NAME=smoke takes that recipe, ONLY=fold0 that network
	@$(ALL) -m data_modelling.train --config data_modelling/configs/$(NAME).toml --out DATA/runs/$(NAME) --resume $(if $(ONLY),--only $(ONLY))

notebooks: .venv/all ## run the notebooks in data_analysis again, with their figures in DATA/plots
	@$(ALL) -m data_analysis.run

screenshots: .venv/all ## make the pictures in docs/screenshots again
	@$(ALL) -m tools.screenshots docs/screenshots

bench: .venv/all ## measure speed, memory and staying up beside others, into docs/benchmarks.md (15 minutes)
	@$(ALL) -m benchmarks

update: $(LOCKS) ## lock the newest packages within the bounds (KEEP=1: what must change), list their licences and the app's bill of materials
	@$(PYTHON) tools/environment.py all && $(PYTHON) tools/environment.py app
	@.venv/tools/bin/pip-licenses --python $(ALL) --output-file docs/licences.md && .venv/tools/bin/cyclonedx-py environment .venv/app --output-reproducible --of JSON --output-file docs/bill-of-materials.cdx.json

messages: .venv/all ## collect the messages of the page, and renew and compile their translations
	@mkdir -p .cache && $(BABEL) --quiet extract -F pyproject.toml $(MARKS) --no-location --sort-output -o $(POT) app data_modelling/inference
	@$(BABEL) --quiet update -i $(POT) -d app/translations $(RENEW) && $(BABEL) compile -d app/translations --statistics && $(ALL) -m tools.messages

fuzz: ## look for files that the photo reader cannot stand, for MINUTES=5 (Linux x86-64 alone)
	@$(PYTHON) tools/environment.py fuzz
	@.venv/fuzz/bin/python -m tests.fuzz --minutes $(MINUTES)

clean: ## remove the environments and all caches; DATA stays
	@rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 13

.PHONY: .venv/all .venv/tools $(LOCKS)
.venv/all .venv/tools:
	@$(PYTHON) tools/environment.py $(@F)

# The first lock decides about versions, the others follow it. The settings are those of [tool.uv] in pyproject.toml.
$(LOCKS): %.lock: .venv/tools
	@.venv/tools/bin/uv pip compile --quiet $(if $(KEEP),,--upgrade) $(FOLLOW) $(SYSTEMS) $*.txt --output-file $@
$(filter-out requirements.lock,$(LOCKS)): FOLLOW := --constraints requirements.lock
$(filter-out requirements.lock,$(LOCKS)): requirements.lock
app/requirements.lock tools/requirements.lock: SYSTEMS := --project tools
