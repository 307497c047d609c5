#!/usr/bin/env bash
# Unmodified clients against a real server with the real model: the openai packages for Python and
# Node, Chromium, curl and openssl. One "ok" line a thing; stops at the first failure and shows the server's
# own words.
set -euo pipefail
cd "$(dirname "$0")/.."
# The same build as the tests': choosing one package would choose other features, and build all again.
cargo test --locked --quiet --workspace --no-run
medlock=${CARGO_TARGET_DIR:-$PWD/target}/debug/medlock
dir=$(mktemp -d)
export MEDLOCK_DATA_DIR=$dir/data MEDLOCK_LISTEN=127.0.0.1:0
server=
rsyslog=
mail=
finish() {
    code=$?
    [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
    [ -z "$mail" ] || kill -KILL "$mail" 2>/dev/null || true
    [ -z "$rsyslog" ] || kill -KILL "$rsyslog" 2>/dev/null || true
    [ $code = 0 ] || { echo "clients: failed; the server said:" >&2; cat "$dir/server.log" >&2 || true; }
    rm -rf "$dir"
    exit $code
}
trap finish EXIT
ok() { echo "ok  $*"; }

start() {
    "$medlock" serve >/dev/null 2>"$dir/server.log" &
    server=$!
    for _ in $(seq 600); do
        at=$(grep -o 'listen=[0-9.:]*' "$dir/server.log" | tail -1 | cut -d= -f2 || true)
        [ -z "$at" ] || break
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.1
    done
    export BASE_URL=https://$at
}

"$medlock" init --json >"$dir/init.json" 2>/dev/null
cp "$MEDLOCK_DATA_DIR/audit/checkpoint" "$dir/kept-checkpoint"
sed -i '/^dir *=/d' "$MEDLOCK_DATA_DIR/medlock.toml"
echo "dir = \"$PWD/.cache/models\"" >>"$MEDLOCK_DATA_DIR/medlock.toml"
password="a passphrase for the client tests"
"$medlock" user add clients --role clinician --json --password-file <(echo "$password") >"$dir/user.json" 2>/dev/null
API_KEY=$("$medlock" token create clients --owner clients --role clinician --purpose treatment --days 1 2>/dev/null)
export API_KEY MODEL=smollm2-135m-instruct CA=$MEDLOCK_DATA_DIR/tls/ca.pem NODE_EXTRA_CA_CERTS=$MEDLOCK_DATA_DIR/tls/ca.pem

# rsyslog takes the audit log over TLS while all that follows happens.
siem() {
    rsyslogd -n -iNONE -f "$dir/rsyslog.conf" >"$dir/rsyslog.log" 2>&1 &
    rsyslog=$!
}
if [ -x /usr/sbin/rsyslogd ] && compgen -G '/usr/lib/*-linux-gnu/rsyslog/lmnsd_gtls.so' >/dev/null; then
    PATH=$PATH:/usr/sbin
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    tls=$MEDLOCK_DATA_DIR/tls
    sed -e "s|@DIR@|$dir|g" -e "s|@TLS@|$tls|g" -e "s|@PORT@|$port|g" tests/clients/rsyslog.conf >"$dir/rsyslog.conf"
    cat >>"$MEDLOCK_DATA_DIR/medlock.toml" <<END
[audit.sink.siem]
format = "syslog"
url = "tls://localhost:$port"
ca = "tls/ca.pem"
agreement = "BAA-test"
unannounced_end = "accept"
END
    siem
else
    echo "--  rsyslog: left out, rsyslog and rsyslog-gnutls are not here"
fi
# Alerts go out by mail as well, both ways that mail is encrypted.
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
smtps=$(free)
smtp=$(free)
tls=$MEDLOCK_DATA_DIR/tls
(umask 077 && echo "of the mail server" >"$dir/mail-password")
.cache/venv/bin/python -W ignore tests/clients/smtp_server.py "$smtps" "$smtp" "$tls/server.pem" "$tls/server.key" "$dir/mail" 2>/dev/null &
mail=$!
for how in "smtps $smtps" "smtp $smtp"; do
    cat >>"$MEDLOCK_DATA_DIR/medlock.toml" <<END
[audit.sink.mail-${how% *}]
only = "alerts"
format = "jsonl"
url = "${how% *}://localhost:${how#* }"
ca = "tls/ca.pem"
receiver = "ours"
from = "medlock@hospital.example"
to = "security@hospital.example"
user = "medlock"
secret = "file:$dir/mail-password"
END
done
start
ok "server on $BASE_URL"

curl -sS --fail --cacert "$CA" "$BASE_URL/readyz" >/dev/null
ok "curl trusts the CA"
if curl -sS "$BASE_URL/readyz" >/dev/null 2>&1; then echo "a certificate of nobody's was trusted" >&2; exit 1; fi
ok "curl without the CA refuses"
curl -sS "${BASE_URL/https/http}/readyz" | grep -q 'speaks HTTPS'
ok "plain HTTP is refused, and says why"
if command -v openssl >/dev/null; then
    if openssl s_client -connect "${BASE_URL#https://}" -tls1_1 -cipher 'DEFAULT@SECLEVEL=0' </dev/null >"$dir/tls" 2>&1; then
        echo "TLS 1.1 was accepted" >&2; exit 1
    fi
    grep -q 'protocol version' "$dir/tls"
    ok "TLS 1.1 is refused"
fi

.cache/venv/bin/python tests/clients/openai_client.py
ok "openai for Python"
if [ -d tests/clients/node_modules/openai ]; then
    node tests/clients/openai_client.mjs
    ok "openai for Node"
else
    echo "--  openai for Node: left out, npm is not here"
fi
if command -v chromium >/dev/null && command -v certutil >/dev/null && [ -d tests/clients/node_modules/playwright-core ]; then
    done=$(node tests/clients/browser.mjs "https://localhost:${BASE_URL##*:}" "$CA" clients "$dir/user.json" "$password")
    ok "Chromium: $done"
    done=$(env -u MEDLOCK_LISTEN PYTHON="$PWD/.cache/venv/bin/python" node tests/clients/sso.mjs "$medlock" "$dir/sso" "$PWD/.cache/models" 2>"$dir/sso.log") \
        || { cat "$dir/sso.log" >&2; exit 1; }
    ok "oidc-provider, Chromium and scim2-tester: $done"
else
    echo "--  Chromium: left out, chromium, certutil (libnss3-tools) or npm is not here"
fi
if [ -d tests/clients/node_modules/@medplum/fhir-router ]; then
    done=$(node tests/clients/fhir.mjs "$medlock" "$dir/fhir" "$PWD/.cache/models" 2>"$dir/fhir.log") || { cat "$dir/fhir.log" >&2; exit 1; }
    ok "a FHIR server says who treats whom: $done"
else
    echo "--  FHIR server: left out, npm is not here"
fi
.cache/venv/bin/python tests/clients/kill9.py "$medlock" "$dir/kill9"
ok "kill -9 under load"

if [ -n "$rsyslog" ]; then
    # It goes away and comes back: what was recorded meanwhile arrives as well.
    kill -KILL "$rsyslog"
    for _ in 1 2 3; do
        curl -sS --cacert "$CA" -H "Authorization: Bearer $API_KEY" -H "x-medlock-protection: block" \
            -H "content-type: application/json" "$BASE_URL/v1/chat/completions" \
            -d '{"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "MRN 48213377"}]}' >/dev/null
    done
    sleep 2
    siem
    for _ in $(seq 100); do
        behind=$("$medlock" audit sinks --json 2>/dev/null \
            | python3 -c 'import json, sys; print(*(s["behind"] for s in map(json.loads, sys.stdin) if s["sink"] == "siem"))')
        [ "$behind" != 0 ] || break
        sleep 0.5
    done
    received=$(python3 tests/clients/rsyslog_check.py "$dir/received.log" "$behind")
    ok "rsyslog over TLS: $received"
fi
# That Chromium copied a passkey was an alert.
for how in smtps starttls; do
    for _ in $(seq 100); do
        [ "$(grep -c "^== $how for security@hospital.example" "$dir/mail" 2>/dev/null)" = 0 ] || break
        sleep 0.1
    done
    grep -q "^== $how for security@hospital.example" "$dir/mail" || { echo "no alert came by $how" >&2; exit 1; }
done
grep -q "^Subject: medlock: 1 alert" "$dir/mail"
ok "alerts by mail, over TLS and STARTTLS"
kill "$mail"
mail=
kill -TERM "$server"
wait "$server"
server=
"$medlock" audit verify >/dev/null 2>&1
ok "the log verifies after a clean stop"

"${medlock%/medlock}/examples/every_kind" "$dir/every-kind"
for log in "$MEDLOCK_DATA_DIR/audit" "$dir/every-kind"; do
    for format in ocsf fhir cef syslog; do
        rm -f "$dir/export.$format"
        "$medlock" audit export --dir "$log" --format $format --sink-key "$dir/sink.key" --out "$dir/export.$format" 2>/dev/null
    done
    checked=$(.cache/venv/bin/python tests/clients/audit_exports.py "$dir"/export.{ocsf,fhir,cef,syslog})
    ok "exports: $checked"
done

worm=$(.cache/venv/bin/python tests/clients/worm.py "$medlock" "$dir/worm" "$PWD/.cache/models")
ok "moto and boto3: $worm; a directory that was put back does not open"

if command -v go >/dev/null && [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ]; then
    GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$dir/go go build -o "$dir/tlog" ./tests/clients/tlog
    audit=$MEDLOCK_DATA_DIR/audit
    "$medlock" audit prove 3 >"$dir/proof"
    "$medlock" audit prove --since "$dir/kept-checkpoint" >"$dir/grown"
    entries=$("$dir/tlog" "$audit" "$audit/log.vkey" checkpoint="$dir/kept-checkpoint" inclusion="$dir/proof" \
        consistency="$dir/grown","$dir/kept-checkpoint")
    ok "Go's tlog and note check the log: $entries entries, and both kinds of proof"
    # It must be able to fail: one bit of one tile.
    cp -r "$audit" "$dir/altered"
    # The last by number: smaller ones of it may lie beside it.
    tile=$(find "$dir/altered/tile/entries" -type f | sort -V | tail -1)
    python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(40); b = f.read(1)[0]; f.seek(40); f.write(bytes([b ^ 1]))' "$tile"
    if "$dir/tlog" "$dir/altered" "$audit/log.vkey" >/dev/null 2>&1; then echo "Go took an altered log" >&2; exit 1; fi
    ok "and refuse it after one byte was altered"
else
    echo "--  Go's tlog and note: left out, golang-go and golang-golang-x-mod-dev are not here"
fi
