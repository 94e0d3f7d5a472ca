#!/bin/sh
# Makes .venv and installs the project into it, in the versions of constraints.txt.
#
#   sh setup.sh [PYTHON]          check the machine, then install; `make` calls this when it is needed
#   sh setup.sh --check [PYTHON]  only check the machine
#
# Everything that can be missing is looked for first, so that it is one line at the start and exit code 2.
set -eu
cd "$(dirname "$0")"

fail() {
    echo "setup: $*" >&2
    exit 2
}

check_python() {
    command -v "$python" >/dev/null 2>&1 || fail "$python: not found; install Python 3.11 or newer, or say which: PYTHON=python3.12 make ..."
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || fail "$python: does not run; expected Python 3.11 or newer"
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        for other in python3.14 python3.13 python3.12 python3.11; do
            if command -v $other >/dev/null 2>&1; then
                fail "$python is Python $version, too old; expected 3.11 or newer, and $other is here: PYTHON=$other make ..."
            fi
        done
        fail "$python is Python $version, too old; install 3.11 or newer, then: PYTHON=python3.12 make ..."
    fi
    "$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python has no venv module; install it (Debian, Ubuntu: apt install python$version-venv)"
}

# One dependency, `noise`, comes as C source and is compiled here.
check_compiler() {
    compiler=${CC:-$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("CC") or "cc")')}
    headers=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
    # $compiler is not quoted: it may carry options, such as "gcc -pthread".
    echo 'int main(void) { return 0; }' | $compiler -x c -c -o /dev/null - 2>/dev/null ||
        fail "${compiler%% *}: no working C compiler; install one (Debian, Ubuntu: apt install gcc libc6-dev; macOS: xcode-select --install)"
    echo '#include <Python.h>' | $compiler -I"$headers" -x c -c -o /dev/null - 2>/dev/null ||
        fail "$headers/Python.h: not found or not usable; install the headers of Python $version (Debian, Ubuntu: apt install python$version-dev libc6-dev)"
}

# check_space FOLDER MEGABYTES WHAT-FOR
check_space() {
    free=$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "$2" ] || fail "$1: $free MB free, $2 MB needed $3; make room there"
}

# pip is asked, not the network: it knows its own proxies, mirrors and folders of wheels.
check_index() {
    answer=$(.venv/bin/pip install --dry-run --ignore-installed --no-deps --quiet --retries 1 --timeout 15 \
        -c constraints.txt iniconfig 2>&1) ||
        fail "pip finds no packages: no network, or a proxy it does not know? It says: $(echo "$answer" | grep -i error | tail -n 1)"
}

install() {
    if ! has_gpu && [ "$(uname -s)" = Linux ]; then
        # On Linux the plain index has torch with CUDA, 3 GB that are of no use here. Where the index of CPU builds
        # cannot be reached, pip goes on without it.
        .venv/bin/pip install --quiet --no-deps --retries 0 --timeout 30 -c constraints.txt \
            --extra-index-url https://download.pytorch.org/whl/cpu torch
    fi
    .venv/bin/pip install --quiet -c constraints.txt -e '.[dev]'
}

has_gpu() {
    command -v nvidia-smi >/dev/null 2>&1
}

only_check=
if [ "${1:-}" = --check ]; then
    only_check=yes
    shift
fi
python=${1:-python3}
space=3000
if has_gpu; then space=9000; fi

check_python
check_compiler
if ! [ -e .venv/bin/mitoseg ]; then
    check_space . $space "for the installation and the demo"
    check_space "${TMPDIR:-/tmp}" 1000 "for temporary files"
fi
[ -z "$only_check" ] || exit 0

# What an interrupted installation left behind, or one for another Python, cannot be built upon.
if [ -e .venv/unfinished ] || ! .venv/bin/python -c "import pip, sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
    rm -rf .venv
fi
mkdir -p .venv
touch .venv/unfinished
echo "setting up .venv with Python $version: 2 GB, a minute or more" >&2
"$python" -m venv .venv
check_index
install || fail "the installation failed, see above; run the same command again when that is mended"
rm -f .venv/unfinished
