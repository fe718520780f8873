# Every target sets up .venv by itself: with uv where it is installed, else with venv and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Two cores are common on small machines; xdist reads this.
JOBS ?= 2
# Of make chaos: how long, on which broker (embedded or kafka), and the seed (empty: a new one).
ROUNDS ?= 3
BROKER ?= embedded
SEED ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types layers test-quick test-go-versions fuzz kafka chaos bench fleet clean lock

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

$(STAMP): requirements/dev.txt pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
	  test -x $(BIN)/python || uv venv -q --python $(PYTHON) $(VENV); \
	  uv pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt && \
	  uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt && \
	  $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

demo: $(STAMP) ## Find real leaks in real Go programs, end to end, in a few minutes
	$(BIN)/goleakprobe demo

test: $(STAMP) ## Run all tests this machine has the parts for; the rest are skipped with a reason
	$(BIN)/pytest -q -n $(JOBS) --dist loadgroup -m "not bench and not fuzz and not go_versions"

test-go-versions: $(STAMP) ## The tests that fetch every Go release (about 600 MB) and build with it
	$(BIN)/pytest -q -n 0 -m go_versions

kafka: $(STAMP) ## A local Apache Kafka, for trying things out (needs Java 17 and Maven)
	PYTHONPATH=infra/kafka $(BIN)/python -m local_kafka

chaos: $(STAMP) ## Kills, hangs and full disks under load: ROUNDS=3 BROKER=embedded SEED=
	@PYTHONPATH=tests:infra/kafka $(BIN)/python -m chaos --rounds $(ROUNDS) --broker $(BROKER) $(if $(SEED),--seed $(SEED))

fuzz: $(STAMP) ## Coverage-guided fuzzing of the decoders
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements/fuzz.txt
	$(BIN)/pytest -q -n 0 -m fuzz

test-quick: $(STAMP) ## Unit tests alone: seconds, no broker, no Go
	$(BIN)/pytest -q -n $(JOBS) -m "not broker and not go and not go_versions and not kafka and not alertmanager and not browser and not slow and not fuzz and not bench and not object_store"

check: lint types layers test-quick ## Lint, types, import layers and the quick tests

lint: $(STAMP) ## Lint and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## Static types, strict
	$(BIN)/mypy

layers: $(STAMP) ## Import layers
	$(BIN)/lint-imports

bench: $(STAMP) ## Performance ratios against peers in the same run
	$(BIN)/pytest -q -m bench -n 0 -s tests/benchmarks

fleet: $(STAMP) ## A simulated fleet on the real pipeline: TARGETS, INTERVAL (s), MINUTES, BROKER
	PYTHONPATH=tests/benchmarks/fleet:infra/kafka $(BIN)/python -m simulated_fleet \
	  --targets $(or $(TARGETS),100) --interval $(or $(INTERVAL),60) \
	  --minutes $(or $(MINUTES),3) --broker $(or $(BROKER),embedded)

lock: $(STAMP) ## Renew the pinned requirements (needs uv)
	for group in runtime dev; do \
	  uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header --extra demo $$(test $$group = dev && echo --group dev) \
	    pyproject.toml -o requirements/$$group.txt; \
	done

clean: ## Remove everything that was built or fetched
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
