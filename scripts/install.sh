#!/bin/sh
# Install what the commands of the Makefile need, into this folder: `install.sh python`, `node`, `site`, `bench`,
# `cosign`, `oras`, `helm` or `kustomize`.
set -eu

say() { printf '%s\n' "$*" >&2; }

find_python() {
    for candidate in "${SLIPWAY_PYTHON:-}" python3.13 "$HOME"/.pyenv/versions/3.13*/bin/python3.13 python3; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    if command -v uv >/dev/null 2>&1 && found=$(uv python find 3.13 2>/dev/null); then
        printf '%s\n' "$found"
        return 0
    fi
    return 1
}

install_python() {
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
    say "Installing Python packages (a minute the first time)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
}

install_node() {
    if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
        say "Azurite (Azure Storage on this machine) needs Node.js 20 or newer with npm, and none was found."
        say "Install it (https://nodejs.org, or apt install nodejs npm), then run the command again."
        exit 1
    fi
    if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
        say "Azurite needs Node.js 20 or newer, this is $(node --version)."
        exit 1
    fi
    say "Installing Azurite from its lock file"
    npm ci --prefix local/azurite --no-audit --no-fund --ignore-scripts --silent
    say "Installing the identity provider of this machine from its lock file"
    npm ci --prefix local/identity --no-audit --no-fund --ignore-scripts --silent
    say "Installing the library that checks the Teams card"
    npm ci --prefix tools/card --no-audit --no-fund --ignore-scripts --silent
    say "Installing the parser that checks the queries of alerts and workbook"
    npm ci --prefix tools/kql --no-audit --no-fund --ignore-scripts --silent
    say "Installing the library that checks whether everybody can use the pages"
    npm ci --prefix tools/axe --no-audit --no-fund --ignore-scripts --silent
}

install_site() {
    say "Installing the library that draws the diagrams of the docs' site"
    npm ci --prefix tools/site --no-audit --no-fund --ignore-scripts --silent
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
    python) install_python ;;
    bench) install_bench ;;
    node) install_node ;;
    site) install_site ;;
    cosign) install_cosign ;;
    oras) install_oras ;;
    helm) install_helm ;;
    kustomize) install_kustomize ;;
    *) say "usage: install.sh python|node|site|bench|cosign|oras|helm|kustomize"; exit 2 ;;
esac
