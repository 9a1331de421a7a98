# make demo     learn digits, compare both batch norms, draw the graph; the files are in demo-output/
# make test     run the tests
# make bench    time the engine against NumPy and the peers that are installed
# make lint     check style and types
# make peers    install PyTorch and the other libraries that the benchmarks and some tests compare with
# make clean    remove what the others made
#
# Each of them makes .venv first, with any Python from 3.11 on: make test PYTHON=python3.13

PYTHON ?= python3
VENV := .venv
python := $(VENV)/bin/python
install := $(python) -m pip install --quiet

.PHONY: demo test bench lint peers clean

demo: $(VENV)/user
	$(VENV)/bin/tinygrad-edu demo

test: $(VENV)/developer
	$(python) -m pytest -n auto

bench: $(VENV)/user
	$(python) -m benchmarks ops

lint: $(VENV)/developer
	$(python) -m ruff check .
	@rm -rf build/types && mkdir -p build/types/tinygrad_edu
	@ln -s $(CURDIR)/tinygrad_edu/* $(CURDIR)/viz build/types/tinygrad_edu     # viz where it is imported from; mypy does not see the mapping
	$(python) -m mypy

peers: $(VENV)/developer
	$(install) --editable ".[peers]"

clean:
	rm -rf $(VENV) build dist demo-output *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The stamps say what is installed; a change of pyproject.toml installs again.

$(VENV)/user: pyproject.toml | $(python)
	@echo "Installing tinygrad_edu into $(VENV); the first time this takes a minute or two."
	$(install) --editable ".[all]"
	@touch $@

$(VENV)/developer: pyproject.toml | $(python)
	@echo "Installing tinygrad_edu and what its tests need into $(VENV); the first time this takes a minute or two."
	$(install) --editable ".[all,dev]"
	@touch $@ $(VENV)/user

# Debian and Ubuntu keep a part of venv in a package of its own; where that is missing, a pip that is there can take its place.

$(python):
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("tinygrad_edu needs Python 3.11 or later; $(PYTHON) is " + sys.version.split()[0] + ". Name another one: make test PYTHON=python3.11")'
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	    $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	    $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(python) install --quiet pip; \
	else \
	    echo "$(PYTHON) can make no virtual environment; install what it lacks: sudo apt install python3-venv"; exit 1; \
	fi
