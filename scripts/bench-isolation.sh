#!/usr/bin/env bash
# Whether the time of an answer tells what somebody else has just asked: a whole server, its clients' clock, queue, log and
# detection included. Some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
models=${MEDLOCK_TEST_MODEL_DIR:-.cache/models}
cargo build --locked --quiet --release -p medlock
medlock=$target/release/medlock
dir=$(mktemp -d)
export MEDLOCK_DATA_DIR=$dir/data MEDLOCK_LISTEN=127.0.0.1:${PORT:-18443}
trap 'kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
"$medlock" init --json >/dev/null 2>&1
# As much is kept as can be: what is looked for would be there.
printf 'dir = "%s"\nkeep_minutes = 10\n' "$(realpath "$models")" >>"$MEDLOCK_DATA_DIR/medlock.toml"
for name in ada eve; do
    echo "a fine passphrase of $name" | "$medlock" user add $name --role clinician >/dev/null 2>&1
    "$medlock" token create $name --owner $name --role clinician --purpose treatment >"$dir/$name" 2>/dev/null
done
"$medlock" serve >/dev/null 2>"$dir/log" &
server=$!
until grep -q ' serving ' "$dir/log"; do sleep 0.1; kill -0 $server; done
python3 - "$MEDLOCK_LISTEN" "$MEDLOCK_DATA_DIR/tls/ca.pem" "$dir/ada" "$dir/eve" "${1:-40}" <<'EOF'
import http.client, json, math, random, ssl, statistics, sys, time

listen, ca, ada, eve, rounds = sys.argv[1:]
ada, eve = open(ada).read().strip(), open(eve).read().strip()
trust = ssl.create_default_context(cafile=ca)
words = "patient reports mild cough since some days no fever blood pressure normal continues medication review next week".split()


def ask(key, text):
    """Seconds from the request to the whole answer of one token, on a connection of its own."""
    connection = http.client.HTTPSConnection(listen, context=trust)
    connection.connect()
    body = {"model": "smollm2-135m-instruct", "max_tokens": 1, "temperature": 0,
            "messages": [{"role": "user", "content": text}]}
    began = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {
        "authorization": f"Bearer {key}", "content-type": "application/json"})
    answer = connection.getresponse()
    said = json.load(answer)
    took = time.perf_counter() - began
    assert answer.status == 200, said
    connection.close()
    return took, said["usage"]["prompt_tokens_details"]["cached_tokens"]


def text():
    return " ".join(random.choice(words) for _ in range(60))


def smirnov(a, b):
    """The two-sample Kolmogorov-Smirnov statistic, and how likely one as large is by chance (asymptotically)."""
    a, b = sorted(a), sorted(b)
    apart = max(abs(sum(x <= t for x in a) / len(a) - sum(x <= t for x in b) / len(b)) for t in a + b)
    n = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    z = (n + 0.12 + 0.11 / n) * apart
    p = 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * z * z) for k in range(1, 101))
    return apart, min(1.0, max(0.0, p)) if z > 0.2 else 1.0


random.seed(7)
took = {"cold": [], "another's": [], "one's own": []}
reused = {name: 0 for name in took}
for _ in range(int(rounds)):
    for name in random.sample(sorted(took), 3):
        asked = text()
        before = {"cold": (eve, text()), "another's": (eve, asked), "one's own": (ada, asked)}[name]
        ask(*before)
        time.sleep(0.05)
        seconds, cached = ask(ada, asked)
        took[name].append(seconds * 1e3)
        reused[name] += cached
print(f"{rounds} rounds; ada's request, after eve asked something else (cold), the same (another's), or ada had (one's own)")
for name, ms in took.items():
    print(f"{name:10} median {statistics.median(ms):7.1f} ms, {reused[name]} tokens reused")
for name in ["another's", "one's own"]:
    apart, p = smirnov(took["cold"], took[name])
    print(f"cold and {name:10} are apart by D = {apart:.3f}; by chance with p = {p:.2g}")
EOF
