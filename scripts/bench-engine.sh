#!/usr/bin/env bash
# The engine beside bare llama.cpp: the same library, file, prompt length and number of tokens, turn about in one run.
# Medians, and what they are to each other. Some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
models=${MEDLOCK_TEST_MODEL_DIR:-.cache/models}
cargo build --locked --quiet --release -p medlock-engine --example bare -p medlock-model --example speed
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
file=$(find "$models/smollm2-135m-instruct" -name '*.gguf' | head -1)
words=150 tokens=128
for _ in 1 2 3 4 5; do
    "$target/release/examples/speed" "$models" $words $tokens 1 >>"$dir/speed"
    # As long a prompt, the template's own tokens included.
    prompt=$(awk 'END { print $5 }' "$dir/speed")
    "$target/release/examples/bare" "$file" "$prompt" $tokens 2 | tail -1 >>"$dir/bare"
done
python3 - "$dir" "$prompt" $tokens <<'EOF'
import collections, statistics, sys

dir, prompt, tokens = sys.argv[1:]
seen = collections.defaultdict(list)
for line in open(f"{dir}/speed"):
    what, first, all, one, _ = line.split()
    seen[what].append((float(first), float(all), float(one)))
median = lambda what, n: statistics.median(row[n] for row in seen[what])
bare = [tuple(map(float, line.split())) for line in open(f"{dir}/bare")]
bare_first, bare_speed = (statistics.median(row[n] for row in bare) for n in (0, 1))
print(f"{prompt} tokens of prompt, {tokens} of answer, each after the first; medians of {len(bare)}, turn about")
print(f"bare llama.cpp     {bare_speed:6.1f} tok/s          first after {bare_first:6.1f} ms")
one = median("one", 2)
print(f"medlock, one       {one:6.1f} tok/s  x {one / bare_speed:.2f}  first after {median('one', 0):6.1f} ms, {median('one-later', 0):6.1f} ms where nobody asked just before")
print("tokens a second of all together, prompts included")
base = median("one", 1)
for what, name in [("one", "one stream"), ("two-askers", "two askers"), ("eight-of-one", "eight of one asker"), ("eight-askers", "eight askers")]:
    print(f"{name:18} {median(what, 1):6.1f} tok/s  x {median(what, 1) / base:.2f}  first after {median(what, 0):6.1f} ms")
EOF
