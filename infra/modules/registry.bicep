// A registry whose rights are given for repositories, not for the whole (ABAC mode): AcrPull and AcrPush mean nothing here.
param name string
param location string
param tags object
param appPrincipalId string
@description('Resource id of the same identity: known before anything runs, so names made of it are too.')
param appIdentityId string
@description('Whether the app may write: true for the registry into which releases are promoted.')
param appMayWrite bool
@description('Whether the app may let registries import from each other (`how: import` of an environment).')
param appMayImport bool
@description('Principal of the pipelines\' service connection, which may push; empty for none.')
param pipelinePrincipalId string
param privateNetworking bool
@allowed(['Basic', 'Standard', 'Premium'])
param sku string
param workspaceId string

var roles = loadJsonContent('../roles.json')

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
  }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    roleAssignmentMode: 'AbacRepositoryPermissions'
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
    networkRuleBypassOptions: 'AzureServices'
  }
}

resource appReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!appMayWrite) {
  name: guid(registry.id, appIdentityId, roles.acrRepositoryReader)
  scope: registry
  properties: {
    description: 'Slipway: the app reads what was pushed into the non-production registry.'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrRepositoryReader)
  }
}

resource appWrites 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (appMayWrite) {
  name: guid(registry.id, appIdentityId, roles.acrRepositoryWriter)
  scope: registry
  properties: {
    description: 'Slipway: the app, and nobody else, promotes images into the production registry.'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrRepositoryWriter)
  }
}

resource appImports 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (appMayImport) {
  name: guid(registry.id, appIdentityId, roles.acrDataImporter)
  scope: registry
  properties: {
    description: 'Slipway: the app lets the production registry fetch an image itself, which takes a right on both registries.'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrDataImporter)
  }
}

resource pipelineAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(pipelinePrincipalId)) {
  name: guid(registry.id, pipelinePrincipalId, roles.acrRepositoryWriter)
  scope: registry
  properties: {
    description: 'Slipway: pipelines push images here.'
    principalId: pipelinePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrRepositoryWriter)
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'repository-events'
  scope: registry
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'ContainerRegistryRepositoryEvents'
        enabled: true
      }
      {
        category: 'ContainerRegistryLoginEvents'
        enabled: true
      }
    ]
  }
}

output id string = registry.id
output name string = registry.name
output loginServer string = registry.properties.loginServer

@description('Names of the rights that are given here.')
output rights array = concat(
  [appMayWrite ? appWrites.name : appReads.name],
  appMayImport ? [appImports.name] : [],
  empty(pipelinePrincipalId) ? [] : [pipelineAccess.name]
)
