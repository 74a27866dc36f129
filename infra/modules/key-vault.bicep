// The vault of the secrets that the app needs. infra/hooks/postprovision.py puts them in; no template ever sees them.
//
// It stays reachable from outside also with private networking: app settings that refer to a vault are resolved by the
// platform, which on Flex Consumption cannot reach a vault that is closed to it. What guards it is the role, not the network.
param name string
param location string
param tags object
param appPrincipalId string
@description('Resource id of the same identity: known before anything runs, so names made of it are too.')
param appIdentityId string
param workspaceId string
@description('Whether `azd down` left a deleted vault of this name, which is recovered with its secrets.')
param recover bool

var roles = loadJsonContent('../roles.json')

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    createMode: recover ? 'recover' : 'default'
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: 'Enabled'
  }
}

resource read 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appIdentityId, roles.keyVaultSecretsUser)
  scope: vault
  properties: {
    description: 'Slipway: the app reads the keys of approval links; the platform resolves the settings that refer to secrets, as the app.'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
  }
}

resource access 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'access'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

output name string = vault.name
output uri string = vault.properties.vaultUri

@description('Names of the rights that are given here.')
output rights array = [read.name]
