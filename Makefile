# make demo   installs hocket into .venv and fuses the two demo themes into out/demo
# make test   installs what the tests need and runs them
# make lint   style, types and import layers
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint clean

demo: $(VENV)/.installed
	$(BIN)/hocket fuse demo:gymnopedie demo:elise -o out/demo --overwrite

test: $(VENV)/.installed-dev
	$(BIN)/pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) out

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "installing hocket into $(VENV) (once; torch is about 200 MB as a CPU build, 3 GB as PyPI has it for Linux)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable '.[dev]'
	@touch $@
