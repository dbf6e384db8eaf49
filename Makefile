# One command for each thing. Only git, make and a Python >= 3.11 must be there; everything else goes into .venv.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo peers frameworks test test-all check fix bench docs lock clean

help: ## this list
	@echo "make <target> [ARGS='...'] [PYTHON=/path/to/python]"
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' Makefile | while IFS='|' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

setup: ## make .venv hold what the lock files pin (every other target does this first)
	@sh scripts/setup.sh

demo: setup ## the closed loop on real data: train, serve, drift, retrain, promote, report (ARGS=--fast for one month)
	@$(BIN)/mlwright demo $(ARGS)

peers: setup ## the programs of others that some tests speak to (MLflow), in .venv-peers; without it those tests skip
	@sh scripts/peers.sh

frameworks: setup ## PyTorch, Lightning, Keras, pandas ... for the tests of tests/frameworks, in .venv-frameworks; without it they skip
	@sh scripts/frameworks.sh

test: setup ## the whole test suite, with coverage
	@$(BIN)/python -m scripts.run_tests $(ARGS)

test-all: setup ## the whole suite and the long soak and kill tests
	@$(BIN)/python -m scripts.run_tests -m '' $(ARGS)

check: setup ## everything else that CI wants: lint, format, types, layers, sizes, weights, words, docs
	@$(BIN)/python scripts/check.py $(ARGS)

fix: setup ## format the code, mend what the linter can mend, write the generated reference anew
	@$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format --quiet . && $(BIN)/python scripts/make_reference.py

bench: setup ## medians and ratios against a physical floor measured in the same run
	@$(BIN)/python -m bench $(ARGS)

docs: setup ## the documentation as a web site in site/
	@sh scripts/docs.sh

lock: setup ## pin the newest allowed releases of everything that is tested
	@sh scripts/lock.sh

clean: ## remove .venv, caches and whatever was built; never a project's .mlwright
	@rm -rf .venv .venv-peers .venv-frameworks .setup.lock .frameworks.lock .setup.log .coverage .coverage.* htmlcov site dist build \
		.pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find src tests bench examples scripts -name __pycache__ -prune -exec rm -rf {} +
