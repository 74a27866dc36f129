// The vault of the secrets that the app needs. infra/hooks/postprovision.py puts them in; no template ever sees them.
//
// It stays reachable from outside also with private networking: app settings that refer to a vault are resolved by the
// platform, which on Flex Consumption cannot reach a vault that is closed to it. What guards it are rights, not the network.
param name string
param location string
param tags object
@description('Principals and identities of the two roles: the same where one app is both.')
param frontPrincipalId string
param frontIdentityId string
param workerPrincipalId string
param workerIdentityId string
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

// Secret by secret: the front must not be able to read the key that signs records, in the same vault or anywhere.
var forFront = filter(
  ['slipway-public-keys', 'slipway-session-keys', 'slipway-hook-secrets', 'slipway-api-keys'],
  // One identity that is both roles has this one below already, and no right is given twice.
  secret => frontIdentityId != workerIdentityId || secret != 'slipway-public-keys'
)
var forWorker = ['slipway-signing-key', 'slipway-public-keys', 'slipway-channels']

resource ofFront 'Microsoft.KeyVault/vaults/secrets@2026-02-01' existing = [
  for secret in forFront: {
    parent: vault
    name: secret
  }
]

resource ofWorker 'Microsoft.KeyVault/vaults/secrets@2026-02-01' existing = [
  for secret in forWorker: {
    parent: vault
    name: secret
  }
]

resource frontReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (secret, i) in forFront: {
    name: guid(vault.id, secret, frontIdentityId, roles.keyVaultSecretsUser)
    scope: ofFront[i]
    properties: {
      description: 'Slipway: the platform resolves the front\'s settings that refer to this secret, as the front.'
      principalId: frontPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
    }
  }
]

resource workerReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (secret, i) in forWorker: {
    name: guid(vault.id, secret, workerIdentityId, roles.keyVaultSecretsUser)
    scope: ofWorker[i]
    properties: {
      description: 'Slipway: the worker reads its signing key itself; the platform resolves settings that refer to the others.'
      principalId: workerPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
    }
  }
]

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
output frontRights array = [for (secret, i) in forFront: frontReads[i].name]
output workerRights array = [for (secret, i) in forWorker: workerReads[i].name]
