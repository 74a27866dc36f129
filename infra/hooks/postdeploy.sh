#!/bin/sh
# The Event Grid subscription. Its endpoint is a function, so it can only be made once the app is deployed.
set -eu

az deployment group create --name slipway-postdeploy --resource-group "$AZURE_RESOURCE_GROUP" \
    --template-file infra/postdeploy.bicep --output none --parameters \
    systemTopicName="$SLIPWAY_SYSTEM_TOPIC" appName="$SLIPWAY_APP_NAME" \
    storageName="$SLIPWAY_HOST_STORAGE" deadEventsContainer="$SLIPWAY_DEAD_EVENTS"
echo "Pushes into $SLIPWAY_NONPROD_REGISTRY now reach $SLIPWAY_PUBLIC_URL"
