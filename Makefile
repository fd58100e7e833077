# Whatever is made here lands in .venv, build, target, third-party and node_modules, which git ignores.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo serve ready test test-fast test-rust test-python coverage check lint format types fuzz bench docs sdist wheel viewer envs hook clean

PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
VIZARR := build/vizarr/index.js
ITK := build/itk-vtk-viewer/itkVtkViewer.js
VIEWER := python/tiled_zarr/http/static/viewer/viewer.js
DIRECTORY ?= .
ARGS ?=
SUITES ?=
LOGS ?= build/tests
GLIBC ?= 2_17
# Without it maturin warns that pip does not come to it directly; it does through build_backend.
export MATURIN_NO_MISSING_BUILD_BACKEND_WARNING := 1
COVERAGE ?=

help:  ## Show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "make %-12s %s\n", $$1, $$2}'

demo: .venv/package $(if $(shell command -v npm),$(VIEWER))  ## Build, then serve the demo tree on http://127.0.0.1:8000 (ARGS="--port 8001")
	$(BIN)/tiled-zarr serve demo $(ARGS)

serve: .venv/dev $(if $(shell command -v npm),$(VIEWER))  ## Serve a directory: make serve DIRECTORY=path (ARGS="--public --port 8001")
	$(BIN)/tiled-zarr serve directory "$(DIRECTORY)" $(ARGS)

test: test-rust test-python  ## Build and pass every test: Rust, Python, clients in environments of their own, browser

test-rust:  ## Pass the tests of the Rust core
	cargo test --release --locked --quiet --package tiled-zarr-core

ready: .venv/dev node_modules/.package-lock.json $(VIZARR) $(ITK) $(VIEWER) envs  ## Build and install all that tests need; --jobs=4 does so side by side

test-python: ready  ## Pass the tests in Python, or some suites of them: SUITES="http ome"
	$(BIN)/python tests/suites.py --logs $(LOGS) $(if $(COVERAGE),--coverage) $(ARGS) $(SUITES)

coverage: COVERAGE := 1
coverage: test  ## Pass every test, and measure how many lines of the package run: at least 95 %
	$(BIN)/coverage combine --quiet --data-file=$(LOGS)/.coverage
	$(BIN)/coverage report --data-file=$(LOGS)/.coverage --skip-covered --fail-under=95

test-fast: .venv/dev  ## Pass the tests that start no server, browser or client, in two minutes
	$(BIN)/python tests/suites.py --quick --logs $(LOGS) $(ARGS) $(SUITES)

check: lint types coverage  ## Everything that a change must pass: lint, types, tests, coverage

lint: .venv/dev  ## Look for bad form in Python and Rust
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	cargo fmt --all --check
	cargo fmt --manifest-path rust/fuzz/Cargo.toml --check
	cargo clippy --release --workspace --all-targets --locked --quiet -- --deny warnings

format: .venv/dev  ## Put Python and Rust into form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cargo fmt --all
	cargo fmt --manifest-path rust/fuzz/Cargo.toml

types: .venv/dev  ## Check the types, and the stub of the native module against the module
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest tiled_zarr._native

SECONDS ?= 60
fuzz:  ## Run every fuzz target for some time each, without a nightly toolchain: make fuzz SECONDS=60 (ARGS="gzip blosc")
	cargo clippy --manifest-path rust/fuzz/Cargo.toml --target-dir target/fuzz --all-targets --locked --quiet -- --deny warnings
	cargo test --release --locked --quiet --manifest-path rust/fuzz/Cargo.toml --target-dir target/fuzz
	rust/fuzz/fuzz.sh $(SECONDS) $(ARGS)

bench: .venv/dev  ## Measure a little of everything, kept in bench/record; docs/servers.md says how to measure well
	$(BIN)/python bench/kernels.py
	$(BIN)/python bench/sources.py
	$(BIN)/python bench/objects.py --quick
	$(BIN)/python bench/files.py
	$(BIN)/python bench/stored.py
	$(BIN)/python bench/server.py --quick
	$(BIN)/python bench/rivals.py --quick
	$(BIN)/python bench/hdf5.py --quick
	$(BIN)/python bench/latency.py --quick
	$(BIN)/python bench/remote.py --quick
	$(BIN)/python bench/viewer.py --quick
	$(BIN)/python bench/growth.py --quick

docs: .venv/dev  ## Run every snippet of the docs, and build the Rust core's reference in target/doc
	$(BIN)/pytest tests/test_readme.py tests/test_quickstart.py
	cargo doc --package tiled-zarr-core --no-deps --quiet

sdist: .venv/bin/maturin $(VIEWER)  ## Build the source archive into build/wheels
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -c 'import build_backend; build_backend.build_sdist("build/wheels")'

wheel: .venv/bin/maturin $(VIEWER)  ## Build a wheel into build/wheels that runs on any Linux with glibc 2.17 or newer (zig links it)
	rm -f build/wheels/*.whl
	$(BIN)/pip wheel . --no-deps --wheel-dir build/wheels --config-settings build-args='--locked --zig --compatibility manylinux_$(GLIBC)'
	$(BIN)/python tests/installing/glibc.py build/wheels/*.whl

hook:  ## Have git run `make lint` before each commit and `make test-fast` before each push
	git config core.hooksPath .githooks

viewer: $(VIEWER)  ## Build the scripts of the viewer, explore and table pages into the package

envs: .venv/bin/maturin  ## Make the environments of the client tests in build/envs
	$(BIN)/python tests/clients/envs.py

clean:  ## Remove all that was made, downloads of the package managers excepted
	rm -rf .venv build target third-party node_modules viewer/node_modules $(dir $(VIEWER))
	find python -name '*.so' -delete

RUST := Cargo.toml Cargo.lock $(shell find rust -path rust/fuzz -prune -o -name '*.rs' -print -o -name Cargo.toml -print)

.venv/bin/maturin:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "$(PYTHON) lacks venv: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' 'maturin>=1.9,<2'

.venv/package: pyproject.toml $(RUST) | .venv/bin/maturin
	$(BIN)/maturin develop --release --locked
	@touch $@

.venv/dev: .venv/package
	$(BIN)/pip install --quiet --disable-pip-version-check --group test
	@touch $@

node_modules/.package-lock.json: package.json package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed, with Node 18 or newer: apt-get install nodejs npm" >&2; exit 1; }
	npm ci --no-audit --no-fund
	@touch $@

$(VIZARR): tests/browser/unpack_vizarr.sh
	bash $< $(@D)

$(ITK): tests/browser/unpack_itk.sh
	bash $< $(@D)

$(VIEWER): $(shell find viewer -path viewer/node_modules -prune -o -name '*.ts' -print -o -name '*.tsx' -print -o -name '*.mjs' -print -o -name '*.css' -print -o -name '*.json' -print)
	$(or $(PYTHON),python3) build_backend/viewer.py
