// A registry whose rights are given for repositories, not for the whole (ABAC mode): AcrPull and AcrPush mean nothing here.
param name string
param location string
param tags object
param workerPrincipalId string
@description('Resource id of the same identity: known before anything runs, so names made of it are too.')
param workerIdentityId string
@description('Whether the worker may write: true for the registry into which releases are copied.')
param workerMayWrite bool
@description('Whether the worker may let registries import from each other (`how: import` of an environment).')
param workerMayImport bool
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

resource workerReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!workerMayWrite) {
  name: guid(registry.id, workerIdentityId, roles.acrRepositoryReader)
  scope: registry
  properties: {
    description: 'Slipway: the worker reads what was pushed into the non-production registry.'
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrRepositoryReader)
  }
}

resource workerWrites 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (workerMayWrite) {
  name: guid(registry.id, workerIdentityId, roles.acrRepositoryWriter)
  scope: registry
  properties: {
    description: 'Slipway: the worker, and nobody else, copies images into the production registry.'
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrRepositoryWriter)
  }
}

resource workerImports 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (workerMayImport) {
  name: guid(registry.id, workerIdentityId, roles.acrDataImporter)
  scope: registry
  properties: {
    description: 'Slipway: the worker lets the production registry fetch an image itself, which takes a right on both registries.'
    principalId: workerPrincipalId
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
  [workerMayWrite ? workerWrites.name : workerReads.name],
  workerMayImport ? [workerImports.name] : [],
  empty(pipelinePrincipalId) ? [] : [pipelineAccess.name]
)
