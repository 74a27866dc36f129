#!/bin/sh
# What only the real Azure can tell: a what-if, which compares the template with a subscription and changes nothing. Does
# nothing unless SLIPWAY_CHECK_LOCATION names a region (with `az login`), so that CI can call it anywhere.
set -eu
cd "$(dirname "$0")"

[ -n "${SLIPWAY_CHECK_LOCATION:-}" ] || exit 0

az deployment sub what-if --name slipway-check --location "$SLIPWAY_CHECK_LOCATION" --template-file main.bicep \
    --parameters environmentName=check location="$SLIPWAY_CHECK_LOCATION"
