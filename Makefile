# make demo    build a release binary and see the product do its job
# make test    everything that must hold: formatting, lints, layers, tests, real clients
# make bench   the figures of docs/BENCHMARKS.md
# make bench-audit  the figures of docs/AUDIT.md
# make bench-engine  the model runtime beside bare llama.cpp
# make bench-isolation  whether time tells what somebody else asked
# make retrain-check  trains the tagger again and compares it byte for byte
# Each sets up what the machine lacks first (scripts/setup.sh says what).

SHELL := /bin/bash
# Written by setup where build tools came from Python packages.
ENV := if [ -f .cache/env.sh ]; then source .cache/env.sh; fi;
export MEDLOCK_TEST_MODEL_DIR ?= $(CURDIR)/.cache/models
export MEDLOCK_TEST_ONNX_LIBRARY ?= $(CURDIR)/.cache/onnxruntime/libonnxruntime.so

.PHONY: demo test bench bench-audit bench-engine bench-isolation setup lint unit clients release retrain-check

demo: release
	@$(ENV) $${CARGO_TARGET_DIR:-target}/release/medlock quickstart --data-dir medlock-data --model-dir .cache/models

release:
	@scripts/setup.sh build
	@$(ENV) cargo build --locked --release -p medlock

test: setup lint unit clients

setup:
	@scripts/setup.sh test

lint:
	@$(ENV) cargo fmt --all --check
	@$(ENV) cargo clippy --locked --workspace --all-targets -- -D warnings
	@$(ENV) cargo clippy --locked --workspace --all-targets --features medlock/onnx -- -D warnings
	@$(ENV) cargo run --locked --quiet -p xtask -- layers

unit:
	@$(ENV) cargo test --locked --workspace
	@# The whole workspace again, so that only what has the feature is built again.
	@$(ENV) cargo test --locked --workspace --features medlock/onnx --test it -- onnx

clients:
	@$(ENV) scripts/clients.sh

bench: release
	@$(ENV) scripts/bench.sh

bench-audit:
	@scripts/setup.sh build
	@$(ENV) scripts/bench-audit.sh

bench-engine:
	@scripts/setup.sh build
	@$(ENV) scripts/bench-engine.sh

bench-isolation:
	@scripts/setup.sh build
	@$(ENV) scripts/bench-isolation.sh

retrain-check:
	@$(ENV) cargo run --locked --release -p deid-train -- check
