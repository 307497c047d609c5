#!/usr/bin/env bash
# Inserts of 1 KB, a commit each, by 1, 16 and 64 writers into PostgreSQL on the disk of the given directory:
# the settings of the package, in which a commit waits for the disk. Left out where PostgreSQL is not installed.
set -euo pipefail
dir=$1 seconds=$2
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1 || true)
if [ -z "$bin" ] || [ ! -x "$bin/pgbench" ]; then
    echo "== PostgreSQL: left out, it is not here (apt-get install postgresql)"
    exit 0
fi
# It does not run as root.
as() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
rm -rf "$dir"
mkdir -p "$dir"
[ "$(id -u)" != 0 ] || chown postgres "$dir"
as "$bin/initdb" -D "$dir/data" -A trust >/dev/null
as "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" -o "-k $dir -c listen_addresses=''" start >/dev/null
trap 'as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null; rm -rf "$dir"' EXIT
psql() { as "$bin/psql" -q -h "$dir" -d postgres -c "$1"; }
psql "CREATE TABLE audit (id bigserial PRIMARY KEY, time timestamptz NOT NULL, kind int NOT NULL, content bytea NOT NULL)"
echo "== the same in PostgreSQL ($("$bin/postgres" --version | cut -d' ' -f3), synchronous_commit = on)"
insert=$dir/insert.sql
echo "INSERT INTO audit (time, kind, content) VALUES (now(), 14, decode(repeat('41', 1024), 'hex'));" >"$insert"
chmod 644 "$insert"
for writers in 1 16 64; do
    rm -f "$dir"/waits*
    (cd "$dir" && as "$bin/pgbench" -h "$dir" -n -f "$insert" -c "$writers" -j 2 -T "$seconds" -l --log-prefix="$dir/waits" \
        postgres >"$dir/out" 2>&1) || { cat "$dir/out"; exit 1; }
    rate=$(grep -o 'tps = [0-9.]*' "$dir/out" | head -1 | cut -d' ' -f3)
    cat "$dir"/waits* | awk '{print $3}' | sort -n | awk -v w="$writers" -v r="$rate" \
        '{a[NR] = $1} END {printf "%4d writers: %7.0f rows/s, p50 %.2f ms, p99 %.2f ms\n", w, r, a[int(NR / 2) + 1] / 1000, a[int(NR * 0.99) + 1] / 1000}'
done
