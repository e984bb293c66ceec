# The front door. `make demo` shows svcflow at work; `make test` proves it.

CACHE ?= $(or $(SVCFLOW_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/svcflow)
# Outside the clone, so that a fresh clone builds on what an earlier one compiled.
export CARGO_TARGET_DIR ?= $(CACHE)/target
export PATH := $(CACHE)/tools/bin:$(PATH):/usr/sbin:/sbin
ARGS ?=
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: help demo test install page lint bench fmt setup-demo setup-test

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: setup-demo ## Build svcflow and watch a small container network: who talks to whom (ARGS="--duration 30s")
	cargo build --release --locked -p svcflow
	$(CARGO_TARGET_DIR)/release/svcflow demo $(ARGS)

test: setup-test lint ## Install what is missing, then run every check and every test
	cargo nextest run --workspace --locked
	cargo test --doc --workspace --locked
	cargo build --workspace --examples --benches --locked
	scripts/page check
	cargo build --locked -p svcflow
	SVCFLOW_BIN=$(CARGO_TARGET_DIR)/debug/svcflow scripts/page real

install: ## Build, and install the program, its manual, completions and systemd units (PREFIX=/usr/local, DESTDIR=)
	cargo build --release --locked -p svcflow
	scripts/install "$(CARGO_TARGET_DIR)/release/svcflow" "$(DESTDIR)" "$(PREFIX)"

page: ## The page's own checks: types, lint, tests, tests in Chromium, and that ui/dist is what ui/src gives
	scripts/page check

lint: setup-test ## Format, clippy with warnings denied, licences and sources of dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	scripts/deny

bench: setup-test ## Side-by-side measurements (needs root or user namespaces)
	cargo bench --workspace --locked

fmt: ## Format the sources
	cargo fmt --all

setup-demo:
	@scripts/setup demo

setup-test:
	@scripts/setup test
	@scripts/engines
