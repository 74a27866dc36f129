#!/bin/sh
# Pin what Azure runs, and what the command, laptop, tests and benchmarks need besides, from the .in files, and last what pins
# them. Records no address of any registry.
set -eu
[ -x .local/pin/bin/python ] || .venv/bin/python -m venv .local/pin
.local/pin/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-pin.txt
for name in requirements requirements-command requirements-laptop requirements-dev requirements-bench requirements-pin; do
    .local/pin/bin/pip-compile --generate-hashes --quiet --upgrade --allow-unsafe --strip-extras --no-emit-find-links \
        --no-emit-index-url --no-emit-trusted-host --no-emit-options --output-file "$name.txt" "$name.in"
done
