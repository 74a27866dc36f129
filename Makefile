# Everything a newcomer needs. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed
LAPTOP_STAMP := $(VENV)/.laptop
CHECKOV_STAMP := .local/checkov/.installed
BENCH_STAMP := .venv-bench/.installed
PARTS_STAMP := local/azurite/node_modules/.installed
TOOLS_STAMP := tools/axe/node_modules/.installed
SITE_STAMP := tools/site/node_modules/.installed
WORKER_LIBRARIES := $(shell sed -n 's/^azure-functions-runtime==\([^ ]*\).*/\1/p' requirements-workers.txt)
QUICK := not (attack or browser or cluster or contract or hooks or stack or thorough or workers)
CONTRACT := contract and not (browser or cluster or hooks or stack or thorough or workers)
# Tests that mostly wait for processes run in one more than those that mostly compute: each collects all of them first.
PARALLEL := -n 4 --dist worksteal
COMPUTING := -n 3 --dist worksteal
ARGS ?=
VERSION ?= 1.0.1
RELEASE ?= hello-1
override KUBERNETES := $(if $(filter command line,$(origin KUBERNETES)),$(KUBERNETES),)
override KUBECONFIG := $(if $(filter command line,$(origin KUBECONFIG)),$(KUBECONFIG),)
LAPTOP := $(LAPTOP_STAMP) $(PARTS_STAMP)

# The stack starts dozens of processes; each of them would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo chaos up down push trace cluster test test-contract test-hooks test-browser test-stack test-attack test-cluster least-privilege test-thorough test-all coverage check extend prove package check-bicep checkov workers cosign oras helm kustomize kubernetes bench docs docs-site requirements clean

help: ## What each command does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

install: $(STAMP) $(TOOLS_STAMP) $(PARTS_STAMP) ## Install all that tests and checks need (the commands do so by themselves)

$(LAPTOP_STAMP): requirements-laptop.txt requirements-command.txt requirements.txt pyproject.toml
	@sh scripts/install.sh laptop
	@touch $@

$(STAMP): requirements-dev.txt $(LAPTOP_STAMP)
	@sh scripts/install.sh python
	@touch $@

$(PARTS_STAMP): local/azurite/package-lock.json local/identity/package-lock.json | $(LAPTOP_STAMP)
	@sh scripts/install.sh parts
	@touch $@

$(TOOLS_STAMP): tools/card/package-lock.json tools/kql/package-lock.json tools/axe/package-lock.json | $(LAPTOP_STAMP)
	@sh scripts/install.sh tools
	@touch $@

$(SITE_STAMP): tools/site/package-lock.json | $(LAPTOP_STAMP)
	@sh scripts/install.sh site
	@touch $@

$(BENCH_STAMP): requirements-bench.txt scripts/install.sh | $(STAMP)
	@sh scripts/install.sh bench
	@touch $@

chaos: $(LAPTOP) ## Deliver while parts are killed, frozen and cut off at moments drawn by a seed, and judge what became of it; ARGS="--seed 7 --minutes 5"
	@$(PYTHON) -m local.chaos $(ARGS)

demo: $(LAPTOP) ## The main job from start to end; ARGS=--approvals for two approvers, ARGS=--manifests-only for new manifests alone, ARGS=--attack for five attacks, ARGS=--cluster=real, ARGS=--json for one JSON object
	@$(PYTHON) -m local.demo $(ARGS)

up: $(LAPTOP) ## Start the whole system and keep it up, from where it ended last; FRESH=1 begins afresh
	@$(PYTHON) -m local.up $(if $(FRESH),--fresh) $(ARGS)

down: ## End what `make up` keeps running; its state is kept
	@$(PYTHON) -m local.down

push: $(LAPTOP) ## With `make up` running: push a new image, VERSION=1.2.3 [APP=shop SOURCE=folder]
	@$(PYTHON) -m local.push --version "$(VERSION)" $(if $(APP),--app "$(APP)") $(if $(SOURCE),--source "$(SOURCE)") $(ARGS)

trace: $(LAPTOP) ## With `make up` running: a release's trace in the terminal, RELEASE=hello-1
	@$(PYTHON) -m local.traces.show "$(RELEASE)" $(ARGS)

cluster: $(LAPTOP) ## Two clusters with a real Kubernetes control plane (Ctrl-C ends them; needs Go once); ARGS=--kubernetes=1.33.13
	@$(PYTHON) -m local.cluster $(ARGS)

test: install ## All that needs Python and Node alone, in minutes; ARGS="tests/unit -k word" for some of them
ifeq ($(strip $(ARGS)),)
	@$(PYTHON) -m pytest -m "$(QUICK)" $(COMPUTING)
else
	@$(PYTHON) -m pytest $(ARGS)
endif

test-contract: install ## Each double beside its real part: the program itself where it runs here, else what it answered
	@$(PYTHON) -m pytest -m "$(CONTRACT)" $(PARALLEL) $(or $(ARGS),tests/contract)

test-hooks: install ## The hooks of azd, against stand-ins for az and azd: a process for each call
	@$(PYTHON) -m pytest -m "hooks and not (cluster or thorough)" $(PARALLEL) $(ARGS)

test-browser: install ## The pages in a real browser
	@$(PYTHON) -m pytest -m "browser and not (cluster or stack)" $(ARGS)

test-stack: install ## The whole system on this machine, and the demo as a newcomer runs it
	@$(PYTHON) -m pytest -m "stack and not cluster" -n 2 --dist loadfile $(ARGS)

test-attack: install ## Five attacks on the whole system, with every guard in place and with each of them left out
	@$(PYTHON) -m pytest -m "attack and not cluster" $(ARGS)

test-cluster: install ## The contract of clusters and the demo on a real control plane; KUBECONFIG=FILE for another cluster, KUBERNETES=1.33.13 for the contract alone on that version
	@SLIPWAY_REAL_CLUSTER=1 SLIPWAY_TEST_KUBECONFIG="$(KUBECONFIG)" SLIPWAY_TEST_KUBERNETES="$(KUBERNETES)" \
		$(PYTHON) -m pytest -m cluster $(or $(ARGS),tests/contract $(if $(KUBERNETES),,tests/acceptance))

least-privilege: install ## Take each right in a cluster away in turn, and see which test fails; ARGS=--real on a real control plane
	@$(PYTHON) -m scripts.least_privilege $(ARGS)

test-thorough: install ## A crash or an outage at every point, and more examples of each property
	@HYPOTHESIS_PROFILE=thorough $(PYTHON) -m pytest -m "(thorough or hypothesis) and not cluster" $(COMPUTING) $(ARGS)

test-all: test test-contract test-hooks test-browser test-stack test-attack test-cluster test-thorough workers ## All tests

coverage: install ## The tests of `make test` and `make test-contract`, and which lines and branches none of them ran
	@$(PYTHON) -m pytest -m "($(QUICK)) or ($(CONTRACT))" $(COMPUTING) --cov --cov-report=term:skip-covered

check: install ## Lint, types, import contracts, generated docs
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@MYPYPATH=infra/hooks $(VENV)/bin/mypy infra/hooks/*.py
	@$(VENV)/bin/lint-imports
	@$(PYTHON) scripts/check_docs.py

extend: install ## Show that the extensions of scripts/extensions work, and that no part of one can be forgotten
	@$(PYTHON) -m scripts.extensions $(ARGS)

prove: install ## Take each guard out of a copy in turn, and show its test red; ARGS="NAME …" for some of them
	@$(PYTHON) -m scripts.guards $(ARGS)

package: install ## The package that Azure gets as one file, with its SBOM and provenance, in build/package; ARGS="--sign KEY"
	@$(PYTHON) -m scripts.package $(ARGS)

check-bicep: install ## Let Microsoft's Bicep compiler ($BICEP, else `bicep`) check infra/; ARGS=--write for new snapshots
	@$(PYTHON) -m tests.infra.compiler $(ARGS)

workers: install ## Start the app under each worker library that Azure may serve (downloads the older ones once)
	@for version in $(WORKER_LIBRARIES); do \
		[ -d .local/workers/$$version ] || grep "==$$version " requirements-workers.txt | $(PYTHON) -m pip install \
			--quiet --disable-pip-version-check --require-hashes --no-deps --target .local/workers/$$version \
			-r /dev/stdin || exit 1; \
	done
	@$(PYTHON) -m pytest tests/infra/test_worker_libraries.py

checkov: $(CHECKOV_STAMP) install ## Let checkov read what Bicep compiles to (in an environment of its own)
	@$(PYTHON) -m pytest tests/infra/test_checkov.py

$(CHECKOV_STAMP): tests/infra/checkov/requirements.txt | $(STAMP)
	@$(PYTHON) -m venv --clear .local/checkov
	@.local/checkov/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/infra/checkov/requirements.txt
	@touch $@

cosign: ## Build the real cosign (needs Go); some contract tests use it when it is there
	@sh scripts/install.sh cosign

oras: ## Build the real oras (needs Go); it pulls a bundle in the contract tests when it is there
	@sh scripts/install.sh oras

helm: ## Build the real helm (needs Go); it renders the charts of some contract tests when it is there
	@sh scripts/install.sh helm

kubernetes: install ## Build the control plane that `make cluster` starts (needs Go; eight minutes, once)
	@$(PYTHON) -m local.cluster build

kustomize: ## Build the real kustomize (needs Go), likewise
	@sh scripts/install.sh kustomize

bench: install $(BENCH_STAMP) ## Measure, and write bench/results.json
	@$(PYTHON) -m bench $(ARGS)

docs: install ## Write the generated pages anew
	@$(PYTHON) scripts/check_docs.py --write

docs-site: $(STAMP) $(SITE_STAMP) ## The docs as a site, in .local/site; ARGS=serve to look at it while writing
ifeq ($(strip $(ARGS)),serve)
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs serve
else
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --strict
	@echo "The site is in .local/site: open .local/site/index.html"
endif

requirements: $(STAMP) ## Pin requirements.txt and requirements-dev.txt from their .in files
	@sh scripts/pin.sh

clean: ## Remove what was installed and generated here
	rm -rf $(VENV) .venv-bench local/azurite/node_modules local/identity/node_modules tools/card/node_modules tools/kql/node_modules tools/axe/node_modules tools/site/node_modules .local .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
