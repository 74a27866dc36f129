#!/bin/sh
# Pin what Azure runs, and what laptop, tests and benchmarks need besides, from the .in files. Records no address of any registry.
set -eu
.venv/bin/python -m pip install --quiet --disable-pip-version-check pip-tools
for name in requirements requirements-laptop requirements-dev requirements-bench; do
    .venv/bin/pip-compile --generate-hashes --quiet --upgrade --strip-extras --no-emit-find-links --no-emit-index-url \
        --no-emit-trusted-host --no-emit-options --output-file "$name.txt" "$name.in"
done
