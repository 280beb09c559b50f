# make demo   draw the book's shopping graphs and train a digit classifier (creates .venv and installs everything)
# make test   run the tests                                                (likewise)
# make lint   ruff and mypy
# make bench  measure against PyTorch, MyGrad and autograd                 (in an environment of its own)

PYTHON ?= python3
VENV   ?= .venv
PEERS  ?= mygrad autograd

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

.PHONY: demo test lint bench wheel clean

demo: $(VENV)/installed
	$(BIN)/python -m tinygrad_jp demo

test: $(VENV)/installed
	$(BIN)/python -m pytest

lint: $(VENV)/installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

wheel: $(VENV)/installed
	$(BIN)/python -m build --wheel --outdir dist

# PEERS="mygrad autograd torch==2.13.0" compares with PyTorch too; peers that are not installed are skipped and named
bench:
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --editable . $(PEERS)
	.venv-bench/bin/python -m benchmarks

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@$(PYTHON) -c "open('$(VENV)/installed', 'w').close()"

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(d, ignore_errors=True) for d in ('$(VENV)', '.venv-bench', 'dist', 'demo_output')]"
