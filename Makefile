# Everything here sets itself up: Python 3.11 or newer and make are all it needs.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.installed
CORES = $(shell $(PY) -c "import joblib; print(joblib.cpu_count())")  # those it may use

.DEFAULT_GOAL := help
.PHONY: help report test browser-test lab notebooks clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

report: $(READY) ## run the notebooks and write out/report/index.html
	$(PY) -m mnistlib report

test: $(READY) ## all that CI checks: lint, format, tests, notebooks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m pytest -m alone
	$(PY) -m pytest -n $(CORES) --dist loadscope --no-loadscope-reorder -m "not alone" \
	  --nbval -rs tests/test_browser.py notebooks/02_train.ipynb notebooks tests  # the longest first

browser-test: $(READY) ## open the notebooks in JupyterLab, and the report, in Chromium
	$(PY) -m pytest -rs tests/test_browser.py

lab: $(READY) ## open the notebooks in JupyterLab
	$(PY) -m jupyterlab notebooks

notebooks: $(READY) ## run the notebooks in place on MNIST, to be committed
	$(PY) -c "from mnistlib.report import refresh; refresh()"

clean: ## delete the virtual environment, out/ and caches; digits and runs stay
	rm -rf $(VENV) out mnistlib.egg-info .pytest_cache .ruff_cache .hypothesis
	find mnistlib tests notebooks -name __pycache__ -prune -exec rm -rf {} +

# The stamp comes last, so that an interrupted installation is taken up again.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: $(PYTHON) is missing or older than Python 3.11; try: make PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "error: $(PYTHON) lacks the module venv; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --disable-pip-version-check --quiet --no-compile -r requirements.txt
	@$(PY) -W ignore -c "import mnistlib.report, mnistlib.bench, jupyterlab, nbval, pytest"  # compiles these
	@touch $@
