# fsdcf: one place for every command. Needs Python 3.10 or later and make; the rest it installs into .venv.
PYTHON ?= python3
ENV ?= staging
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo template validate check lint types test golden docs bench wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("fsdcf needs Python 3.10 or later; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12" if sys.version_info < (3, 10) else 0)'
	@echo "preparing .venv (once) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

demo: $(READY) ## Compile and lint every example
	@sh scripts/demo.sh $(BIN)

template: $(READY) ## Write build/x.staging.template.yml: SERVICE=x [ENV=staging]; without SERVICE all
	@sh scripts/specs.sh "$(SERVICE)" > .venv/specs
	@$(BIN)/fsdcf template $$(cat .venv/specs) --env $(ENV) -o build/

validate: $(READY) ## Check the specs: [SERVICE=x] [ENV=staging]
	@sh scripts/specs.sh "$(SERVICE)" > .venv/specs
	@$(BIN)/fsdcf validate $$(cat .venv/specs) --env $(ENV)

check: lint types test ## All that CI checks

lint: $(READY)
	@$(BIN)/ruff check .

types: $(READY)
	@$(BIN)/mypy

test: $(READY) ## Run the tests
	@$(BIN)/python -m pytest -n 2

golden: $(READY) ## Rewrite the golden files; read their diff
	@FSDCF_GOLDEN=1 $(BIN)/python -m pytest tests/test_goldens.py -p no:xdist

docs: $(READY) ## Rewrite the generated pages
	@$(BIN)/python scripts/docs.py

bench: $(READY) ## Measure speed and memory against cfn-lint
	@$(BIN)/python bench/run.py

wheel: $(READY) ## Build the wheel into dist/
	@$(BIN)/python -m build --wheel

clean: ## Remove what was made
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
