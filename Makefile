# Needs python3 (3.11 or newer) with pip, make and git; all else is installed below this folder.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV := .tools/bin/uv
RUN := .venv/bin
JOBS ?= 2

export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

.PHONY: help
help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; do printf '%-20s%s\n' "$$name" "$$what"; done

.PHONY: demo
demo: .venv/.warm ## Two nodes and a day of both countries' attacks, end to end
	@$(RUN)/haechi demo $(ARGS)

.PHONY: test
test: check .venv/.warm ## What must hold before every commit: check, then all tests but the slow ones, with coverage
	$(RUN)/python -m pytest -q -n $(JOBS) --cov --cov-report=term

.PHONY: test-slow
test-slow: .venv/.ok ## The slow tests: kill -9, wheel, whole demo
	$(RUN)/python -m pytest -q -m slow

.PHONY: check
check: .venv/.ok ## Style, types, the floors of the house
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports --no-logo

.PHONY: format
format: .venv/.ok ## Put the style right
	$(RUN)/ruff check --fix-only .
	$(RUN)/ruff format .

.PHONY: bench
bench: .venv/.ok ## Side-by-side benchmarks; prints machine, data and seed
	$(RUN)/python -m bench $(ARGS)

.PHONY: docs
docs: .venv/.ok ## Build the documentation into docs/_build/html; warnings are errors
	$(RUN)/python docs/build_reference.py
	$(RUN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

.PHONY: wheel
wheel: .venv/.ok ## Build the wheel into dist/
	$(UV) build -q --wheel --no-build-isolation

.PHONY: lock
lock: $(UV) ## Resolve the dependencies anew and write the files of their hashes
	$(UV) lock -q $(ARGS)
	$(UV) export -q --frozen --all-extras --no-emit-project -o requirements.lock
	{ head -n 1 requirements-uv.lock; echo uv | $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate -; } >requirements-uv.lock.new
	mv requirements-uv.lock.new requirements-uv.lock

.PHONY: clean
clean: ## Remove what was built and installed here; no node's home is touched
	rm -rf .venv .tools build dist docs/_build .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/.ok: requirements.lock $(UV)
	@test -x $(RUN)/python || $(UV) venv -q --clear --python "$$(command -v $(PYTHON))" .venv
	@$(UV) pip sync -q --python $(RUN)/python --require-hashes requirements.lock
	@$(UV) pip install -q --python $(RUN)/python --no-deps --no-build-isolation -e .
	@touch $@

# The kernels of this build, compiled into the user's cache: half a minute once, nothing afterwards.
.venv/.warm: .venv/.ok $(shell find haechi/model haechi/ingest haechi/detect -name '*.py')
	@echo "Compiling the kernels ..."
	@$(RUN)/python -m haechi.node.warm >/dev/null
	@touch $@

$(UV): requirements-uv.lock
	@command -v git >/dev/null || { echo "git is missing: install it (Debian: apt-get install git)" >&2; exit 2; }
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11 or newer (Debian: apt-get install python3 python3-pip), or name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: Haechi needs 3.11 or newer; name one: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "pip is missing for $(PYTHON): install it (Debian: apt-get install python3-pip; elsewhere: $(PYTHON) -m ensurepip)" >&2; exit 2; }
	@rm -rf .tools
	@$(PYTHON) -m pip install -q --disable-pip-version-check --root-user-action=ignore --target .tools --require-hashes -r requirements-uv.lock
	@touch $@
