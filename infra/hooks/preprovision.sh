#!/bin/sh
# The Entra application that people sign in to: made once, remembered in the azd environment. It has no password: the app
# proves with its managed identity who it is (infra/hooks/postprovision.sh sets up that trust).
set -eu

if [ -n "${SLIPWAY_SIGN_IN_CLIENT_ID:-}" ]; then
    exit 0
fi
client_id=$(az ad app create --display-name "Slipway ($AZURE_ENV_NAME)" --sign-in-audience AzureADMyOrg \
    --enable-id-token-issuance true --query appId --output tsv)
az ad sp create --id "$client_id" --output none
azd env set SLIPWAY_SIGN_IN_CLIENT_ID "$client_id"
echo "Made the Entra application Slipway ($AZURE_ENV_NAME), client id $client_id"
