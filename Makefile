# The commands of the project. They need Python 3.10 or later and make, and install everything else into .venv.
PYTHON ?= python3
ENV ?= staging

# A value reaches a recipe in its environment, as it was written: make does not expand it, and no shell reads it as code.
# Only what make itself runs before it reads this file cannot be prevented: NAME:=VALUE, --eval, and SHELL.
override PYTHON := $(value PYTHON)
override ENVIRONMENT := $(value ENV)
override SERVICE := $(value SERVICE)
override IMAGE_SHA := $(value IMAGE_SHA)
override BUILD := $(value BUILD)
override ARGS := $(value ARGS)
override BIN := .venv/bin
override READY := .venv/.ready
export PYTHON ENVIRONMENT SERVICE IMAGE_SHA BUILD ARGS
unexport ENV

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo template deploy validate check lint types test fuzz golden dynalite checkov compare-copilot images docs schemas lock soak bench wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

$(READY): setup.cfg pyproject.toml
	@command -v "$$PYTHON" >/dev/null || { printf "fsdcf needs Python 3.10 or later, but '%s' was not found. Try: make PYTHON=/path/to/python3\n" "$$PYTHON" >&2; exit 2; }
	@"$$PYTHON" -c 'import sys; sys.exit("fsdcf needs Python 3.10 or later; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12" if sys.version_info < (3, 10) else 0)'
	@echo "preparing .venv (once) ..." >&2
	@"$$PYTHON" -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[test]'
	@touch $@

demo: $(READY) ## Compile every example, and deploy one of them into the sandbox
	@sh scripts/demo.sh $(BIN)

template: $(READY) ## Write the template of a service or an environment, or of all, to build/: [SERVICE=x] [ENV=staging]
	@ARGS= sh scripts/specs.sh $(BIN)/fsdcf template -o build/

deploy: $(READY) ## Deploy a service or an environment: SERVICE=x [ENV=staging] [BUILD=1] [IMAGE_SHA=3f2c1ab] [ARGS=--sandbox]
	@[ -n "$$SERVICE" ] || { echo "SERVICE is missing: make deploy SERVICE=x [ENV=staging] [BUILD=1] [IMAGE_SHA=3f2c1ab]" >&2; exit 2; }
	@case "$$BUILD" in "" | 1) ;; *) echo "BUILD must be 1, which builds the image and pushes it, or empty" >&2; exit 2 ;; esac
	@sh scripts/specs.sh $(BIN)/fsdcf deploy $(if $(BUILD),--build) $(if $(IMAGE_SHA),--image-sha "$$IMAGE_SHA")

validate: $(READY) ## Check the spec of a service or an environment, or all specs: [SERVICE=x] [ENV=staging]
	@ARGS= sh scripts/specs.sh $(BIN)/fsdcf validate

check: lint types test ## Run everything that CI runs: ruff, mypy --strict and the tests

lint: $(READY)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

types: $(READY)
	@$(BIN)/mypy --strict fsdcf

# Kept bytecode saves seconds of compiling in the next run and in every process that a test starts.
test: export PYTHONDONTWRITEBYTECODE =
test: $(READY) ## Run the tests
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup

fuzz: $(READY) ## Run the property tests with many more inputs
	@FSDCF_FUZZ=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 -m hypothesis

golden: $(READY) ## Rewrite the golden files; review their diff
	@FSDCF_GOLDEN=1 $(BIN)/python -m pytest tests/test_goldens.py tests/scaffold/test_golden.py tests/scaffold/test_service.py

dynalite: $(READY) ## Test the migration against dynalite, which enforces DynamoDB's limits; needs Node 20 and npm
	@sh scripts/dynalite.sh $(BIN)

checkov: $(READY) ## Compare checkov's findings with docs/explanation/security.md; needs a package index
	@$(BIN)/python scripts/checkov.py

compare-copilot: $(READY) ## Compare manifests of Copilot with the templates that Copilot makes of them: PAIRS=folder
	@$(BIN)/python scripts/compare_copilot.py $(PAIRS)

images: $(READY) ## Build, push, pull and run the images of the services that init writes; needs root and Debian's buildah
	@$(BIN)/python -m scripts.images
	@$(BIN)/python -m pytest -q -p no:cacheprovider tests/cli/three_commands.py

docs: $(READY) ## Rewrite the generated pages and pictures
	@$(BIN)/python scripts/docs.py
	@$(BIN)/python scripts/pictures.py

schemas: $(READY) ## Rewrite the resource facts and permissions from the schemas of cfn-lint
	@$(BIN)/python scripts/schemas.py
	@$(BIN)/python scripts/permissions.py

lock: $(READY) ## Rewrite the versions and hashes that the generated workflow installs; needs a package index
	@$(BIN)/python scripts/lock.py

bench: $(READY) ## Measure speed and memory, compared with cfn-lint
	@$(BIN)/python bench/run.py

soak: $(READY) ## Test the deploy engine with 1,000 random schedules of faults
	@$(BIN)/python -m tests.deploy.soak 1000

wheel: $(READY) ## Build the wheel and the source archive in dist/
	@$(BIN)/python -m build

clean: ## Remove all build products and caches
	@rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	@find fsdcf scripts tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
