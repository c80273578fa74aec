# The commands of the project. Each brings what it needs: Python 3.11 or newer, git and make suffice.

VENV := .venv
BIN := $(VENV)/bin
BOOTSTRAP := tools/bootstrap.sh
DEV := $(VENV)/.dev
RUNTIME := $(VENV)/.runtime
BENCH := $(VENV)/.bench
MIGRATIONS := supabase/migrations
ARGS ?=
TRIALS ?= 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help up test check format audit sbom lock bench gate soak lab requests fuzz failover hosts pictures screenshots sql-bundle docs fresh

# A .venv whose Python is gone, or that was moved here with the folder, is filled again.
ifneq ($(shell $(BOOTSTRAP) usable && echo yes),yes)
FRESH := fresh
endif

# Running needs less than developing; where both were asked for, the larger set is kept.
FOR_UP := $(if $(wildcard $(DEV)),$(DEV),$(RUNTIME))

help: ## list the commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(FOR_UP) ## run everything: database, server, workers; ARGS="--port 8080 --data-dir DIR"
	@exec $(BIN)/prompt-queue up $(ARGS)

test: $(DEV) ## run the tests with coverage, three at a time; ARGS="-k claim" is passed to pytest
	@exec $(BIN)/python -m pytest --cov --cov-report=term -n 3 --dist worksteal $(ARGS)

check: $(DEV) ## format, lint, types, import floors, SQL, generated files; changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --allow-untyped-calls tools benchmarks lab
	$(BIN)/lint-imports
	$(BIN)/python tools/check_nevers.py
	$(BIN)/python tools/check_texts.py
	$(BIN)/squawk --config .squawk.toml $(MIGRATIONS)/*.sql
	$(BIN)/python -m prompt_queue.store.bundle check $(MIGRATIONS)
	$(BIN)/python tools/configuration_docs.py --check
	$(BIN)/python tools/failure_docs.py --check
	$(BIN)/python tools/metrics_docs.py --check
	$(BIN)/python tools/log_docs.py --check
	$(BIN)/python tools/grafana_dashboard.py --check

format: $(DEV) ## format the code and mend what can be mended by itself
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(DEV) ## write the generated pages again: docs/configuration.md, failures.md, metrics.md, logs.md, .env.example
	$(BIN)/python tools/configuration_docs.py
	$(BIN)/python tools/failure_docs.py
	$(BIN)/python tools/metrics_docs.py
	$(BIN)/python tools/log_docs.py
	$(BIN)/python tools/grafana_dashboard.py

pictures: $(DEV) ## lose replies, kill workers, forge webhooks around purchases; ARGS="--submits 50"
	@exec $(BIN)/python -m lab.pictures $(ARGS)

screenshots: $(DEV) ## drive the pages and write docs/images/*.png again
	@$(BIN)/python -m tools.studio_pictures
	@$(BIN)/python -m tools.ops_pictures

sql-bundle: $(DEV) ## carry changed files of store/sql/functions into a new migration
	$(BIN)/python -m prompt_queue.store.bundle write $(MIGRATIONS) "$$(date -u +%Y%m%d%H%M%S)_functions.sql"

audit: $(DEV) ## compare the pinned packages with the published advisories
	$(BIN)/pip-audit --disable-pip --require-hashes --progress-spinner off -r requirements/runtime.txt

sbom: $(DEV) ## write dist/sbom.json: every package that runs, with its hashes (CycloneDX)
	@mkdir -p dist
	$(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements requirements/runtime.txt --pyproject pyproject.toml \
	  --output-reproducible -o dist/sbom.json

lock: $(DEV) ## renew requirements/*.txt; ARGS=--upgrade takes newer versions
	$(BOOTSTRAP) lock $(ARGS)

bench: $(BENCH) ## measure the queue against bare SQL and other queues; ARGS=--quick
	@exec $(BIN)/python -m benchmarks.queue $(ARGS)

gate: $(BENCH) ## how much of a provider's quota is used, beside no gate and one in each process
	@exec $(BIN)/python -m benchmarks.gate $(ARGS)

soak: $(BENCH) ## 1,000,000 jobs with an old snapshot held open; ARGS="--jobs 50000 --hold 60 --around 60"
	@exec $(BIN)/python -m benchmarks.soak $(ARGS)

lab: $(DEV) ## inject faults and check that nothing is lost or paid twice; TRIALS=10 for more
	@exec $(BIN)/python -m lab --trials $(TRIALS) $(ARGS)

failover: $(DEV) ## kill a primary under load and promote its standby; ARGS="--trials 20"
	@exec $(BIN)/python -m lab.failover $(ARGS)

requests: $(DEV) ## generated requests as every caller against a server; ARGS="--cases 10000"
	@exec $(BIN)/python -m lab.requests $(ARGS)

fuzz: $(DEV) ## the properties of tests/fuzz with new examples; ARGS="--minutes 60 --only token"
	@exec $(BIN)/python -m lab.fuzz $(ARGS)

hosts: $(DEV) ## cut and slow links between network namespaces (root on Linux); ARGS="--trials 100"
	@exec $(BIN)/python -m lab.hosts $(ARGS)

$(DEV): requirements/dev.txt requirements/uv.txt pyproject.toml $(FRESH)
	@$(BOOTSTRAP) $(if $(wildcard $(BENCH)),bench,dev)

$(BENCH): requirements/bench.txt requirements/dev.txt requirements/uv.txt pyproject.toml $(FRESH)
	@$(BOOTSTRAP) bench

$(RUNTIME): requirements/runtime.txt requirements/build.txt requirements/uv.txt pyproject.toml $(FRESH)
	@$(BOOTSTRAP) runtime
