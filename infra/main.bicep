// All of Slipway in Azure, in one resource group. docs/how-to/install-into-azure.md is the guide,
// docs/reference/azure-roles.md lists every right that is given here.
targetScope = 'subscription'

@minLength(1)
@maxLength(32)
@description('Name of the azd environment; part of every name.')
param environmentName string
@minLength(1)
param location string
@minLength(36)
@maxLength(36)
@description('Client id of the Entra application that people sign in to; infra/hooks/preprovision.sh makes one.')
param signInClientId string
@description('Address under which people reach the app; empty for the one that Azure gives it.')
param publicUrl string
@description('Azure DevOps organizations whose hooks count, separated by commas; empty for any that knows the secret.')
param organizations string
@description('Principal (object id) of the pipelines\' service connection: may push images and report runs. Empty for none.')
param pipelinePrincipalId string
@description('An existing staging cluster with Azure RBAC; empty to create one.')
param stagingClusterName string
@description('Its resource group.')
param stagingClusterResourceGroup string
@description('Namespaces that Slipway delivers to in staging, separated by commas.')
param stagingNamespaces string
@description('An existing production cluster with Azure RBAC; empty to create one.')
param productionClusterName string
@description('Its resource group.')
param productionClusterResourceGroup string
@description('Namespaces that Slipway delivers to in production, separated by commas.')
param productionNamespaces string
@description('Object ids of the Entra groups that administer created clusters, separated by commas.')
param clusterAdminGroups string
@description('Addresses (CIDR) that may reach the API servers of created public clusters, separated by commas; empty for any.')
param clusterAuthorizedRanges string
param nodeSize string
param stagingNodeCount int
param productionNodeCount int
@description('Managed Prometheus for created clusters.')
param managedPrometheus bool
@description('Storage, Service Bus, registries and created clusters get private addresses. More expensive: Premium tiers.')
param privateNetworking bool
@description('First two numbers of the private network\'s addresses.')
param networkBlock string
@description('Lets environments promote with `how: import`: the registries fetch from each other, no bytes pass the app.')
param promotionByImport bool
@description('E-mail through Communication Services.')
param email bool
param emailDataLocation string
@description('Approvals in Teams through a Logic App.')
param teamsFlow bool
@description('Who is told of alerts; empty for nobody.')
param alertEmail string
@minValue(30)
@maxValue(730)
param logRetentionDays int
@description('How the ledger is copied, such as Standard_GZRS.')
param ledgerRedundancy string
@description('The ledger\'s storage account of an earlier installation, to go on with; empty to make one.')
param existingLedgerName string
@description('Its resource group.')
param existingLedgerResourceGroup string
@description('Days for which exported audit blobs cannot be changed; 0 for no policy.')
param auditRetentionDays int
@description('Who is let in to the API: `host-keys` or `roles`.')
param apiAccess string
@description('Role of a key of the host that has none of its own.')
param hostKeyRole string
@description('Channels to which each day\'s anchor of the audit trail is sent, separated by commas.')
param auditWitnesses string
@description('Age at which audit records move from the table into the audit container, such as 400d; empty for never.')
param auditTableAge string
@description('Format in which audit records are exported into the audit container each hour: jsonl, csv, cloudevents; empty for not at all.')
param auditExport string
@description('Memory of one instance in MB.')
param instanceMemory int
@description('The most instances of the app.')
param maximumInstances int
@description('Instances that always wait for HTTP requests; 0 scales to zero.')
param alwaysReady int

var token = toLower(uniqueString(subscription().id, environmentName, location))
var short = '${take(replace(toLower(environmentName), '_', '-'), 20)}-${take(token, 6)}'
var tags = {
  'azd-env-name': environmentName
  application: 'slipway'
}
var groupName = 'rg-slipway-${environmentName}'
var appName = 'func-${short}'
var appUrl = empty(publicUrl) ? 'https://${appName}.azurewebsites.net' : publicUrl
var hostStorageName = 'sthost${take(token, 13)}'
var dataStorageName = 'stdata${take(token, 13)}'
var ledgerName = empty(existingLedgerName) ? dataStorageName : existingLedgerName
var ledgerGroup = empty(existingLedgerName) ? groupName : existingLedgerResourceGroup
var serviceBusName = 'sb-${short}'
var nonprodRegistryName = 'crnonprod${take(token, 13)}'
var prodRegistryName = 'crprod${take(token, 13)}'
var networkName = 'vnet-${short}'
var adminGroups = empty(clusterAdminGroups) ? [] : split(clusterAdminGroups, ',')
var authorizedRanges = empty(clusterAuthorizedRanges) ? [] : split(clusterAuthorizedRanges, ',')
var subnets = '${subscription().id}/resourceGroups/${groupName}/providers/Microsoft.Network/virtualNetworks/${networkName}/subnets'
var blobZone = 'privatelink.blob.${environment().suffixes.storage}'
var tableZone = 'privatelink.table.${environment().suffixes.storage}'
var busZone = 'privatelink.servicebus.windows.net'
var registryZone = 'privatelink.azurecr.io'

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: groupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-${short}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: 'log-${short}'
    insightsName: 'appi-${short}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    retentionDays: logRetentionDays
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  name: 'network'
  scope: group
  params: {
    name: networkName
    location: location
    tags: tags
    block: networkBlock
    zones: [blobZone, tableZone, busZone, registryZone]
  }
}

module hostStorage 'modules/storage-host.bicep' = {
  name: 'host-storage'
  scope: group
  params: {
    name: hostStorageName
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    privateNetworking: privateNetworking
  }
}

module dataStorage 'modules/storage-data.bicep' = if (empty(existingLedgerName)) {
  name: 'data-storage'
  scope: group
  params: {
    name: dataStorageName
    location: location
    tags: tags
    privateNetworking: privateNetworking
    workspaceId: monitoring.outputs.workspaceId
    redundancy: ledgerRedundancy
    auditRetentionDays: auditRetentionDays
  }
}

module ledger 'modules/ledger.bicep' = {
  name: 'ledger'
  scope: resourceGroup(ledgerGroup)
  params: {
    name: ledgerName
    appPrincipalId: identity.outputs.principalId
  }
  dependsOn: [
    dataStorage
  ]
}

module serviceBus 'modules/service-bus.bicep' = {
  name: 'service-bus'
  scope: group
  params: {
    name: serviceBusName
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    pipelinePrincipalId: pipelinePrincipalId
    privateNetworking: privateNetworking
    workspaceId: monitoring.outputs.workspaceId
  }
}

module vault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    name: 'kv-${take(token, 13)}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module nonprodRegistry 'modules/registry.bicep' = {
  name: 'registry-nonprod'
  scope: group
  params: {
    name: nonprodRegistryName
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    appMayWrite: false
    appMayImport: promotionByImport
    pipelinePrincipalId: pipelinePrincipalId
    privateNetworking: privateNetworking
    workspaceId: monitoring.outputs.workspaceId
  }
}

// Into the production registry, nobody but Slipway writes.
module prodRegistry 'modules/registry.bicep' = {
  name: 'registry-prod'
  scope: group
  params: {
    name: prodRegistryName
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    appMayWrite: true
    appMayImport: promotionByImport
    pipelinePrincipalId: ''
    privateNetworking: privateNetworking
    workspaceId: monitoring.outputs.workspaceId
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetworking) {
  name: 'private-endpoints'
  scope: group
  params: {
    location: location
    tags: tags
    networkName: networkName
    targets: [
      { name: 'pe-host-blob', id: hostStorage.outputs.id, group: 'blob', zone: blobZone }
      { name: 'pe-host-table', id: hostStorage.outputs.id, group: 'table', zone: tableZone }
      { name: 'pe-data-blob', id: ledger.outputs.id, group: 'blob', zone: blobZone }
      { name: 'pe-data-table', id: ledger.outputs.id, group: 'table', zone: tableZone }
      { name: 'pe-bus', id: serviceBus.outputs.id, group: 'namespace', zone: busZone }
      { name: 'pe-nonprod', id: nonprodRegistry.outputs.id, group: 'registry', zone: registryZone }
      { name: 'pe-prod', id: prodRegistry.outputs.id, group: 'registry', zone: registryZone }
    ]
  }
  dependsOn: [
    network
  ]
}

module staging 'modules/environment.bicep' = {
  name: 'environment-staging'
  scope: group
  params: {
    environmentName: 'staging'
    location: location
    tags: tags
    existingName: stagingClusterName
    existingResourceGroup: stagingClusterResourceGroup
    newName: 'aks-staging-${take(token, 6)}'
    nodeSize: nodeSize
    nodeCount: stagingNodeCount
    tier: 'Free'
    adminGroups: adminGroups
    authorizedRanges: authorizedRanges
    nodeSubnetId: privateNetworking ? '${subnets}/staging' : ''
    workspaceId: monitoring.outputs.workspaceId
    managedPrometheus: managedPrometheus
    namespaces: empty(stagingNamespaces) ? [] : split(stagingNamespaces, ',')
    appPrincipalId: identity.outputs.principalId
    registryName: nonprodRegistry.outputs.name
  }
  dependsOn: [
    network
  ]
}

module production 'modules/environment.bicep' = {
  name: 'environment-production'
  scope: group
  params: {
    environmentName: 'production'
    location: location
    tags: tags
    existingName: productionClusterName
    existingResourceGroup: productionClusterResourceGroup
    newName: 'aks-production-${take(token, 6)}'
    nodeSize: nodeSize
    nodeCount: productionNodeCount
    tier: 'Standard'
    adminGroups: adminGroups
    authorizedRanges: authorizedRanges
    nodeSubnetId: privateNetworking ? '${subnets}/production' : ''
    workspaceId: monitoring.outputs.workspaceId
    managedPrometheus: managedPrometheus
    namespaces: empty(productionNamespaces) ? [] : split(productionNamespaces, ',')
    appPrincipalId: identity.outputs.principalId
    registryName: prodRegistry.outputs.name
  }
  dependsOn: [
    network
  ]
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: group
  params: {
    name: appName
    planName: 'plan-${short}'
    location: location
    tags: tags
    publicUrl: appUrl
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    insightsName: monitoring.outputs.insightsName
    hostStorageName: hostStorageName
    deploymentContainer: hostStorage.outputs.deploymentContainer
    tableEndpoint: ledger.outputs.tableEndpoint
    blobEndpoint: ledger.outputs.blobEndpoint
    ledgerTable: ledger.outputs.ledgerTable
    indexTable: ledger.outputs.indexTable
    evidenceContainer: ledger.outputs.evidenceContainer
    auditContainer: ledger.outputs.auditContainer
    auditWitnesses: auditWitnesses
    auditTableAge: auditTableAge
    auditExport: auditExport
    serviceBusHost: serviceBus.outputs.hostName
    vaultUri: vault.outputs.uri
    nonprodRegistryName: nonprodRegistry.outputs.name
    prodRegistryName: prodRegistry.outputs.name
    stagingClusterName: staging.outputs.clusterName
    stagingClusterResourceGroup: staging.outputs.clusterResourceGroup
    productionClusterName: production.outputs.clusterName
    productionClusterResourceGroup: production.outputs.clusterResourceGroup
    organizations: organizations
    signInClientId: signInClientId
    apiAccess: apiAccess
    hostKeyRole: hostKeyRole
    instanceMemory: instanceMemory
    maximumInstances: maximumInstances
    alwaysReady: alwaysReady
    integrationSubnetId: privateNetworking ? '${subnets}/app' : ''
  }
  dependsOn: [
    privateEndpoints
  ]
}

module events 'modules/events.bicep' = {
  name: 'events'
  scope: group
  params: {
    name: 'evgt-${short}'
    location: location
    tags: tags
    registryId: nonprodRegistry.outputs.id
    storageName: hostStorage.outputs.name
    deadEventsContainer: hostStorage.outputs.deadEventsContainer
  }
}

module mail 'modules/email.bicep' = if (email) {
  name: 'email'
  scope: group
  params: {
    name: short
    tags: tags
    appPrincipalId: identity.outputs.principalId
    dataLocation: emailDataLocation
  }
}

module teams 'modules/teams-flow.bicep' = if (teamsFlow) {
  name: 'teams-flow'
  scope: group
  params: {
    name: 'logic-${short}'
    location: location
    tags: tags
    serviceBusName: serviceBus.outputs.name
  }
}

module operations 'modules/operations.bicep' = {
  name: 'operations'
  scope: group
  params: {
    name: 'slipway-${environmentName}'
    location: location
    tags: tags
    alertEmail: alertEmail
    workspaceId: monitoring.outputs.workspaceId
    serviceBusId: serviceBus.outputs.id
    systemTopicId: events.outputs.id
    appPrincipalId: identity.outputs.principalId
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output SLIPWAY_APP_NAME string = app.outputs.name
output SLIPWAY_APP_HOST string = app.outputs.hostName
output SLIPWAY_PUBLIC_URL string = appUrl
output SLIPWAY_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output SLIPWAY_VAULT_NAME string = vault.outputs.name
output SLIPWAY_SYSTEM_TOPIC string = events.outputs.name
output SLIPWAY_LEDGER_STORAGE string = ledgerName
output SLIPWAY_LEDGER_GROUP string = ledgerGroup
output SLIPWAY_HOST_STORAGE string = hostStorage.outputs.name
output SLIPWAY_DEAD_EVENTS string = hostStorage.outputs.deadEventsContainer
output SLIPWAY_SERVICE_BUS string = serviceBus.outputs.hostName
output SLIPWAY_NONPROD_REGISTRY string = nonprodRegistry.outputs.loginServer
output SLIPWAY_PROD_REGISTRY string = prodRegistry.outputs.loginServer
output SLIPWAY_STAGING_CLUSTER string = staging.outputs.clusterName
output SLIPWAY_PRODUCTION_CLUSTER string = production.outputs.clusterName
