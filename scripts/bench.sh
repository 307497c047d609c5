#!/usr/bin/env bash
# The figures of docs/BENCHMARKS.md: the guarded path over a model that answers at once, with the log on
# this disk and in memory, the detector, and how long the server takes to start. Some minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --locked --quiet --release -p testkit --example overhead
mkdir -p .cache/bench
echo "== log on this disk ($(df --output=source,fstype .cache/bench | tail -1 | xargs))"
TMPDIR=$PWD/.cache/bench "$target"/release/examples/overhead
if [ -d /dev/shm ]; then
    echo
    echo "== log in memory: the same without waiting for a disk"
    TMPDIR=/dev/shm "$target"/release/examples/overhead
fi

echo
echo "== detection of identifiers, on one core"
cargo run --locked --quiet --release -p medlock-deid --example speed
for set in asq-phi aci-phi outis-val openmed-golden; do
    echo
    echo "== what the detector leaves: $set"
    "$target"/release/medlock deid eval --safe-harbor "crates/medlock-deid/tests/data/$set.jsonl" |
        grep -E '^(docs|char leak|documents with|rate|leak:|over-red|PHI-free)'
done

echo
echo "== start of the server, to serving with the model loaded"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export MEDLOCK_DATA_DIR=$dir/data MEDLOCK_LISTEN=127.0.0.1:0
"$target"/release/medlock init --json >/dev/null 2>&1
echo "dir = \"$PWD/.cache/models\"" >>"$MEDLOCK_DATA_DIR/medlock.toml"
for _ in 1 2 3 4 5; do
    begin=$(date +%s%N)
    "$target"/release/medlock serve >/dev/null 2>"$dir/log" &
    server=$!
    until grep -q ' serving ' "$dir/log"; do sleep 0.01; kill -0 $server; done
    ms=$((($(date +%s%N) - begin) / 1000000))
    rss=$(awk '/VmRSS/ {print int($2/1024)}' /proc/$server/status)
    engine=$(ps -eo rss,args | awk '/[m]edlock engine/ && $1 > most {most = $1} END {print int(most / 1024)}')
    echo "$ms ms; resident: server $rss MB, engine $engine MB"
    kill -TERM $server
    wait $server
done
