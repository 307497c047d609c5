#!/usr/bin/env bash
# The figures of the audit log: appending side by side with a bare write + fdatasync loop of the same sizes,
# with SQLite and with PostgreSQL, verifying, memory, and searching a million entries. Some minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --locked --quiet --release -p medlock-audit --example append_rate
cargo build --locked --quiet --release -p medlock-review --examples
mkdir -p .cache/bench
echo "== appending 1 KB on this disk ($(df --output=source,fstype .cache/bench | tail -1 | xargs))"
"$target"/release/examples/append_rate .cache/bench 3 1024
echo
echo "== the same in SQLite (WAL, FULL)"
"$target"/release/examples/append_sqlite .cache/bench 3
echo
bash scripts/bench-postgres.sh "$PWD/.cache/bench/postgres" 3
echo
echo "== memory over ten million entries"
cargo build --locked --quiet --release -p medlock-audit --example memory
"$target"/release/examples/memory .cache/bench 10
echo
echo "== a million entries"
"$target"/release/examples/find_rate .cache/bench 1000000
