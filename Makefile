# Two commands do everything on a fresh clone: `make demo` and `make test`.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
CONSTRAINTS := -c constraints.txt
WORKERS ?= 2

export TF_CPP_MIN_LOG_LEVEL ?= 3
# TensorFlow leaves oneDNN off where a processor has no AVX-512; volumes then train 50 times slower.
export TF_ENABLE_ONEDNN_OPTS ?= 1

.PHONY: demo test lint types unit benchmarks clean

demo: $(INSTALLED)
	$(PYTHON) -m wam_xplique demo

test: lint types unit

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

# mypy does not follow the package-dir mapping of an editable install: it reads a plain copy.
types: $(INSTALLED)
	rm -rf build/types && mkdir -p build/types
	cp -r wam_xplique build/types/wam_xplique
	cp -r backends build/types/wam_xplique/backends
	cp -r benchmarks build/types/wam_xplique/benchmarks
	cd build/types && ../../$(VENV)/bin/mypy --config-file ../../pyproject.toml

unit: $(INSTALLED)
	$(PYTHON) -m pytest -n $(WORKERS) --dist worksteal

benchmarks: $(INSTALLED)
	$(PYTHON) -m benchmarks.kernels
	$(PYTHON) -m benchmarks.gradients
	$(PYTHON) -m benchmarks.wcam
	$(PYTHON) -m benchmarks.wcam_parameters
	$(PYTHON) -m benchmarks.metrics
	$(PYTHON) -m benchmarks.sound
	$(PYTHON) -m benchmarks.planted
	$(PYTHON) -m benchmarks.compare

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(PYTHON) || python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet $(CONSTRAINTS) torch
	$(PYTHON) -m pip install --quiet $(CONSTRAINTS) -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) build outputs
