# Everything this project can do; GNU make 3.81 will do. `make help` says what there is.

SHELL := /bin/sh
VENV := .venv/bin/python
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))

check: .venv/.dev static unit js ## fast checks: format, lint, types, contracts, unit tests, JavaScript tests

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.run ## everything on this machine, until Ctrl-C; prints the sign-in link (DATA_DIR=, WEB_PORT=, IMPORTERS= ...)
	@$(VENV) -m app.stack run

two-datacenters: .venv/.run ## two of them side by side that copy to each other, until Ctrl-C; prints both sign-in links
	@$(VENV) -m app.stack two-datacenters

sign-in: .venv/.run ## a new sign-in link for what runs
	@$(VENV) -m app.stack sign-in

operator: .venv/.run ## make ADDRESS= (the demo owner) an operator of what runs, who finds /operate/dead in the menu
	@$(VENV) -m app.stack operator $(ADDRESS)

scale: .venv/.run ## more or fewer processes of what runs, e.g. make scale IMPORTERS=4 (or TRACKERS=, PROJECTORS=, FETCHERS=)
	@$(VENV) -m app.stack scale $(foreach kind,IMPORTERS TRACKERS PROJECTORS FETCHERS,$(if $($(kind)),--$(shell echo $(kind) | tr A-Z a-z) $($(kind))))

test: .venv/.dev static unit js integration e2e faults ## all tests, on real servers and in a real browser
	@echo "all tests passed"

faults: .venv/.dev ## kill, freeze and cut everything while imports run, and judge what is left
	$(call pytest,tests/faults)

campaign: .venv/.dev ## the same for hours: SEEDS=30 campaigns (5 minutes of faults each); appends to bench/results
	@$(VENV) -m tests.faults.campaign --seeds 1..$(or $(SEEDS),30) $(CAMPAIGN)

faults-brokers: .venv/.dev ## BROKERS=3: kill leaders while an import runs, try who may do what (some minutes)
	$(call pytest,tests/brokers)

faults-sites: .venv/.dev ## two data centres: cut them off, kill one of them, and compare (some minutes)
	$(call pytest,-s tests/sites)

fuzz: .venv/.dev ## look for bytes that break the reader (TARGET=file, rows or cells; SECONDS=, else until Ctrl-C)
	@$(VENV) -m tests.fuzz $(or $(TARGET),file) $(SECONDS)

bench: .venv/.dev ## measure every promise beside its limit (some minutes); writes bench/results
	@$(VENV) -m bench $(BENCH)

clean: ## remove DATA_DIR (all that was imported!), caches and the virtual environment
	@if [ -x $(VENV) ]; then $(VENV) -m app.stack clean; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/results
	@find app workers tests bench -name __pycache__ -prune -exec rm -rf {} +

static: .venv/.dev
	@$(VENV) -m ruff format --check --quiet .
	@$(VENV) -m ruff check --quiet .
	@$(VENV) -m mypy
	@.venv/bin/lint-imports > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }

unit: .venv/.dev
	$(call pytest,$(TWICE) tests/unit)

integration: .venv/.dev
	$(call pytest,$(TWICE) tests/integration)

# The browser tests need a Chromium; where none can be had they are skipped aloud, and never with CI=true.
e2e: .venv/.dev
	@$(VENV) tests/chromium.py || { [ "$$CI" != true ] && echo "!! THE BROWSER TESTS WILL BE SKIPPED !!"; }
	$(call pytest,tests/e2e)

js:
	@if ! command -v node > /dev/null; then echo "node is missing: the JavaScript tests are left out"; \
	elif ls tests/js/*.test.* > /dev/null 2>&1; then \
	  said=$$(node --test tests/js/*.test.*) || { echo "$$said"; exit 1; }; \
	  echo "$$said" | awk '$$2 == "pass" { print $$3 " JavaScript tests passed" }'; \
	fi

# Two processes, each with servers of its own: alone, half of the time goes into waiting.
PYTEST = $(VENV) -m pytest -q
TWICE = -n 2 --dist loadfile
# pytest says 5 when a folder has no tests.
EMPTY_IS_FINE = status=$$?; [ $$status -eq 5 ] || exit $$status
pytest = @$(PYTEST) $(1); $(EMPTY_IS_FINE)

# Two sets of packages: what runs, and what checks. A stamp says that the set of this lock is installed.
.venv/.run: requirements.lock
	$(call install,requirements.lock,$@)

.venv/.dev: requirements-dev.lock
	$(call install,requirements-dev.lock,$@)
	@touch .venv/.run

define install
@if [ ! -x $(VENV) ]; then $(MAKE) -s venv; fi
@echo "  … installing packages ($(1)); the first time takes a minute"
@$(VENV) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) || { \
  echo "make: the packages could not be installed; with a network, the same command again mends it"; exit 1; }
@touch $(2)
endef

# The newest Python that fits, or the one that PYTHON= names; each gap is one sentence with the command that mends it.
venv:
	@python=; for candidate in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3; do \
	  if "$$candidate" -c '$(SUPPORTED)' > /dev/null 2>&1; then python=$$candidate; break; fi; \
	  if [ -n "$(PYTHON)" ]; then break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "make: Python 3.11 to 3.14 is needed; install it (Debian: apt-get install python3 python3-venv, macOS:" \
	    "brew install python), or name yours: make run PYTHON=/path/to/python3.12"; exit 1; \
	elif ! "$$python" -c 'import ensurepip, venv' > /dev/null 2>&1; then \
	  echo "make: $$python lacks the venv module; install it (Debian: apt-get install" \
	    "$$($$python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'))"; exit 1; \
	elif [ "$$(df -Pk . | awk 'NR == 2 { print $$4 }')" -lt 3000000 ]; then \
	  echo "make: 3 GB of disk are needed here, less are free; make room, or clone to another disk"; exit 1; \
	fi; \
	"$$python" -m venv .venv || { rm -rf .venv; exit 1; }

.PHONY: check help run two-datacenters sign-in operator scale test faults faults-brokers faults-sites campaign fuzz bench clean static unit integration e2e js venv
