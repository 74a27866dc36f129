#!/bin/sh
# After the resources exist: the sign-in learns the app's address and trusts its identity, and the vault gets its secrets.
# A secret that is there already is never touched. Values go through a file that only this user can read, never through
# arguments, environment or output; they are written with the rights over the vault, so nobody needs a right to read it.
set -eu
umask 077

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
arm="https://management.azure.com"
group="/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$AZURE_RESOURCE_GROUP"
vault="$arm$group/providers/Microsoft.KeyVault/vaults/$SLIPWAY_VAULT_NAME"
version="api-version=2026-02-01"

random() { head -c "$1" /dev/urandom | base64 | tr -d '\n'; }

# put NAME VALUE, unless the vault has it
put() {
    if printf '%s\n' "$present" | grep -qx "$1"; then
        echo "The vault has $1 already"
        return 0
    fi
    printf '{"properties": {"value": "%s"}}' "$2" >"$work/body.json"
    az rest --method put --url "$vault/secrets/$1?$version" --body "@$work/body.json" --output none
    rm "$work/body.json"
    echo "Put $1 into the vault"
}

set -- "https://$SLIPWAY_APP_HOST/.auth/login/aad/callback"
[ "$SLIPWAY_PUBLIC_URL" = "https://$SLIPWAY_APP_HOST" ] || set -- "$@" "$SLIPWAY_PUBLIC_URL/.auth/login/aad/callback"
az ad app update --id "$SLIPWAY_SIGN_IN_CLIENT_ID" --web-redirect-uris "$@"
trusted=$(az ad app federated-credential list --id "$SLIPWAY_SIGN_IN_CLIENT_ID" --query '[].subject' --output tsv)
if ! printf '%s\n' "$trusted" | grep -qx "$SLIPWAY_IDENTITY_PRINCIPAL_ID"; then
    tenant=$(az account show --query tenantId --output tsv)
    printf '{"name": "%s", "issuer": "%s", "subject": "%s", "audiences": ["api://AzureADTokenExchange"]}' \
        "$SLIPWAY_APP_NAME" "https://login.microsoftonline.com/$tenant/v2.0" "$SLIPWAY_IDENTITY_PRINCIPAL_ID" \
        >"$work/trust.json"
    az ad app federated-credential create --id "$SLIPWAY_SIGN_IN_CLIENT_ID" --parameters "@$work/trust.json" --output none
fi

present=$(az rest --method get --url "$vault/secrets?$version" --query 'value[].name' --output tsv)
put slipway-signing-key "$(random 32)"
put slipway-hook-secrets "$(random 32)"
put slipway-channels '{}'
put slipway-api-keys '{}'

# The platform looks secrets up again at once, not within a day.
az rest --method post --output none --url \
    "$arm$group/providers/Microsoft.Web/sites/$SLIPWAY_APP_NAME/config/configreferences/appsettings/refresh?api-version=2022-03-01"
