#!/bin/sh
# What only the real compiler and the real Azure can tell. Does nothing unless SLIPWAY_CHECK_ONLINE is set, so that CI can
# call it anywhere. `az bicep build` needs the network once; SLIPWAY_CHECK_LOCATION (with `az login`) adds a what-if, which
# compares the template with the subscription and changes nothing.
set -eu
cd "$(dirname "$0")"

[ -n "${SLIPWAY_CHECK_ONLINE:-}" ] || exit 0

for file in $(find . -name '*.bicep' | sort); do
    echo "az bicep build $file"
    az bicep build --file "$file" --stdout >/dev/null
done

[ -n "${SLIPWAY_CHECK_LOCATION:-}" ] || exit 0

# The parameters as azd would fill them in: `${NAME=default}` becomes the default.
filled=$(mktemp)
trap 'rm -f "$filled"' EXIT
sed -e 's/\${AZURE_ENV_NAME}/check/' -e "s/\${AZURE_LOCATION}/$SLIPWAY_CHECK_LOCATION/" \
    -e 's/\${SLIPWAY_SIGN_IN_CLIENT_ID}/00000000-0000-0000-0000-000000000000/' \
    -e 's/"\${[A-Z_]*=\(true\|false\|[0-9][0-9]*\)}"/\1/' -e 's/\${[A-Z_]*=\([^}]*\)}/\1/' \
    main.parameters.json >"$filled"
az deployment sub what-if --name slipway-check --location "$SLIPWAY_CHECK_LOCATION" --template-file main.bicep \
    --parameters "@$filled"
