// All of Slipway in Azure, in one resource group. docs/how-to/install-into-azure.md is the guide,
// docs/reference/azure-roles.md lists every right that is given here.
targetScope = 'subscription'

// azd asks for every parameter without a default, before any hook runs: only these two have none, and it knows both.
@minLength(1)
@maxLength(32)
@description('Name of the azd environment; part of every name.')
param environmentName string
@minLength(1)
param location string
@allowed(['standard', 'trial'])
@description('What is made: `standard`, or `trial`, the cheapest that shows everything: one cluster for both environments, the smallest registries, logs for 30 days.')
param tier string = 'standard'
@description('Two apps, front and worker, each with its own identity: what faces the internet can deploy nothing and sign nothing. False: one app is both.')
param split bool = true
@description('Client id of the Entra application that people sign in to; empty until infra/hooks/preprovision.py has made one.')
param signInClientId string = ''
@description('Client id of the Entra application by which votes are proved; empty until infra/hooks/preprovision.py has made one.')
param votesClientId string = ''
@description('Address under which people reach the app; empty for the one that Azure gives it.')
param publicUrl string = ''
@description('Azure DevOps organizations whose hooks count, separated by commas; empty for any that knows the secret.')
param organizations string = ''
@description('What is believed of CI runs: what Azure DevOps says when it is asked, or what hooks and messages claim.')
@allowed(['proved', 'claimed'])
param runs string = 'proved'
@description('Principal (object id) of the pipelines\' service connection: may push images and report runs. Empty for none.')
param pipelinePrincipalId string = ''
@description('Principals (object ids) that may send votes of level `queue`, and what stops a release, as messages; separated by commas.')
param approvalSenders string = ''
@description('Whether Event Grid may call the front as well: for topics that cannot deliver to the queue, such as those of another tenant.')
param eventGridFunction bool = false
@description('An existing staging cluster with Azure RBAC; empty to create one.')
param stagingClusterName string = ''
@description('Its resource group.')
param stagingClusterResourceGroup string = ''
@description('Namespaces that Slipway delivers to in staging, separated by commas.')
param stagingNamespaces string = 'hello-staging'
@description('An existing production cluster with Azure RBAC; empty to create one.')
param productionClusterName string = ''
@description('Its resource group.')
param productionClusterResourceGroup string = ''
@description('Namespaces that Slipway delivers to in production, separated by commas.')
param productionNamespaces string = 'hello-production'
@description('Object ids of the Entra groups that administer created clusters, separated by commas.')
param clusterAdminGroups string = ''
@description('Addresses (CIDR) that may reach the API servers of created public clusters, separated by commas; empty for any.')
param clusterAuthorizedRanges string = ''
param nodeSize string = 'Standard_D2s_v5'
param stagingNodeCount int = 1
param productionNodeCount int = 3
@description('Managed Prometheus for created clusters.')
param managedPrometheus bool = false
@description('Storage, Service Bus, registries and created clusters get private addresses. More expensive: Premium tiers.')
param privateNetworking bool = false
@description('First two numbers of the private network\'s addresses.')
param networkBlock string = '10.40'
@description('Ids of networks from which the private services are reached as well, separated by commas: existing clusters\' networks, peered with this one.')
param linkedNetworks string = ''
@description('Lets environments promote with `how: import`: the registries fetch from each other, no bytes pass the app.')
param promotionByImport bool = false
@description('E-mail through Communication Services.')
param email bool = false
param emailDataLocation string = 'Europe'
@description('Approvals in Teams through a Logic App.')
param teamsFlow bool = false
@description('Who is told of alerts; empty for nobody.')
param alertEmail string = ''
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90
@description('How the ledger is copied, such as Standard_GZRS.')
param ledgerRedundancy string = 'Standard_GZRS'
@description('The ledger\'s storage account of an earlier installation, to go on with; empty to make one.')
param existingLedgerName string = ''
@description('Its resource group.')
param existingLedgerResourceGroup string = ''
@description('Days for which exported audit blobs cannot be changed; 0 for no policy.')
param auditRetentionDays int = 0
@description('Puts a lock on the ledger\'s account: nobody, `azd down` included, can delete it before the lock is taken away.')
param lockLedger bool = false
@description('Whether that policy is locked; infra/hooks/preprovision.py finds out.')
param auditPolicyLocked bool = false
@description('Whether `azd down` left a deleted vault, which is recovered; infra/hooks/preprovision.py finds out.')
param recoverVault bool = false
@description('Settings beside those that the template makes, by name; each role gets those that it may have. Kept with each `azd provision`.')
param extraSettings object = {}
@allowed(['roles', 'host-keys'])
@description('Who is let in to the API: `roles`, whoever signs in and has one, or `host-keys`, whoever holds a key of the host besides.')
param apiAccess string = 'roles'
@description('Channels to which new anchors of the audit trail are sent once a day, separated by commas.')
param auditWitnesses string = ''
@description('Age at which audit records move from the table into the audit container, such as 400d; empty for never.')
param auditTableAge string = ''
@description('Format in which audit records are exported into the audit container each hour: jsonl, csv, cloudevents; empty for not at all.')
param auditExport string = ''
@description('Memory of one instance in MB.')
param instanceMemory int = 2048
@description('The most instances of each app.')
param maximumInstances int = 40
@description('Instances that always wait, by `http` (pages, API, hooks) or the name of a queue\'s function, such as `take_hint` or `run_step`; none scales to zero. Each costs about 20 $ a month at 2048 MB, whether used or not (estimate).')
param alwaysReady object = {}

// Names cannot change under an installation, so they are made of what has one spelling only: azd takes 'West Europe' for
// westeurope, and Azure takes Trial and trial for the same resource group.
var region = toLower(replace(location, ' ', ''))
var installation = replace(toLower(environmentName), '_', '-')
var token = toLower(uniqueString(subscription().id, installation, region))
var short = '${take(installation, 20)}-${take(token, 6)}'
var groupId = '${subscription().id}/resourceGroups/${groupName}'
// The app that people reach keeps its name, identity and storage whether the worker is an app of its own or not.
var identities = '${groupId}/providers/Microsoft.ManagedIdentity/userAssignedIdentities'
var frontIdentityName = 'id-${short}'
var frontIdentityId = '${identities}/${frontIdentityName}'
var workerIdentityName = 'id-work-${short}'
var workerIdentityId = split ? '${identities}/${workerIdentityName}' : frontIdentityId
var workerName = 'work-${short}'
var workerPlanName = 'plan-work-${short}'
var insightsName = 'appi-${short}'
var workspaceName = 'log-${short}'
var stagingName = empty(stagingClusterName) ? 'aks-staging-${take(token, 6)}' : stagingClusterName
// For trying, one cluster does for both environments: each has its own namespaces there.
var shared = tier == 'trial' && empty(productionClusterName)
var productionName = shared
  ? stagingName
  : empty(productionClusterName) ? 'aks-production-${take(token, 6)}' : productionClusterName
var stagingGroup = empty(stagingClusterName)
  ? groupName
  : empty(stagingClusterResourceGroup)
      ? fail('SLIPWAY_EXISTING_STAGING_CLUSTER names a cluster: name its resource group as well, in SLIPWAY_EXISTING_STAGING_GROUP.')
      : stagingClusterResourceGroup
var productionGroup = shared
  ? stagingGroup
  : empty(productionClusterName)
      ? groupName
      : empty(productionClusterResourceGroup)
          ? fail('SLIPWAY_EXISTING_PRODUCTION_CLUSTER names a cluster: name its resource group as well, in SLIPWAY_EXISTING_PRODUCTION_GROUP.')
          : productionClusterResourceGroup
var tags = {
  'azd-env-name': environmentName
  application: 'slipway'
}
var groupName = 'rg-slipway-${installation}'
var appName = 'func-${short}'
var appUrl = empty(publicUrl) ? 'https://${appName}.azurewebsites.net' : publicUrl
var hostStorageName = 'sthost${take(token, 13)}'
var workerStorageName = split ? 'stwork${take(token, 13)}' : hostStorageName
var dataStorageName = 'stdata${take(token, 13)}'
var ledgerName = empty(existingLedgerName) ? dataStorageName : existingLedgerName
var ledgerGroup = empty(existingLedgerName)
  ? groupName
  : empty(existingLedgerResourceGroup)
      ? fail('SLIPWAY_EXISTING_LEDGER names a storage account: name its resource group as well, in SLIPWAY_EXISTING_LEDGER_GROUP.')
      : existingLedgerResourceGroup
var serviceBusName = 'sb-${short}'
var nonprodRegistryName = 'crnonprod${take(token, 13)}'
var prodRegistryName = 'crprod${take(token, 13)}'
var flowName = 'logic-${short}'
var registrySku = privateNetworking ? 'Premium' : tier == 'trial' ? 'Basic' : 'Standard'
var networkName = 'vnet-${short}'
var networks = empty(linkedNetworks) ? [] : sys.split(replace(linkedNetworks, ' ', ''), ',')
// What cannot work is refused here, before anything is made; every private installation passes by this name.
var block = !privateNetworking
  ? networkBlock
  : contains(['10.0', '10.244'], networkBlock)
      ? fail('SLIPWAY_NETWORK_BLOCK: 10.0 and 10.244 are used inside the clusters; take another one.')
      : !(empty(stagingClusterName) && empty(productionClusterName)) && empty(networks)
          ? fail('SLIPWAY_PRIVATE_NETWORKING with an existing cluster: its nodes could not reach the registries. Peer its network with this one, and name it in SLIPWAY_LINKED_NETWORKS.')
          : teamsFlow
              ? fail('SLIPWAY_TEAMS_FLOW with SLIPWAY_PRIVATE_NETWORKING: a Logic App cannot reach a Service Bus that is closed to it.')
              : tier == 'trial'
                  ? fail('SLIPWAY_TIER=trial with SLIPWAY_PRIVATE_NETWORKING: private services need the most expensive tiers.')
                  : !empty(authorizedRanges)
                      ? fail('SLIPWAY_CLUSTER_AUTHORIZED_RANGES with SLIPWAY_PRIVATE_NETWORKING: private API servers have no public address to open.')
                      : networkBlock
var adminGroups = empty(clusterAdminGroups) ? [] : sys.split(replace(clusterAdminGroups, ' ', ''), ',')
var authorizedRanges = empty(clusterAuthorizedRanges) ? [] : sys.split(replace(clusterAuthorizedRanges, ' ', ''), ',')
var senders = empty(approvalSenders) ? [] : sys.split(replace(approvalSenders, ' ', ''), ',')
var subnets = '${subscription().id}/resourceGroups/${groupName}/providers/Microsoft.Network/virtualNetworks/${networkName}/subnets'
var blobZone = 'privatelink.blob.${environment().suffixes.storage}'
var tableZone = 'privatelink.table.${environment().suffixes.storage}'
var busZone = 'privatelink.servicebus.windows.net'
var registryZone = 'privatelink.azurecr.io'

// Roles of our own, where every one of Azure's allows more than is needed. They belong to this installation.
var customFacts = loadJsonContent('custom-roles.json')
var customRoles = toObject(items(customFacts), role => role.key, role => guid(subscription().id, short, role.key))
var alwaysReadyOf = concat(['http'], map(loadJsonContent('queues.json'), queue => queue.function))
var ready = empty(filter(objectKeys(alwaysReady), name => !contains(alwaysReadyOf, name)))
  ? alwaysReady
  : fail('SLIPWAY_ALWAYS_READY: expected an object with the names ${join(alwaysReadyOf, ', ')}.')

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: groupName
  location: region
  tags: tags
}

resource ownRoles 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [
  for role in items(customFacts): {
    name: customRoles[role.key]
    properties: {
      roleName: 'Slipway ${short}: ${role.value.name}'
      description: 'Slipway (${short}): ${role.value.name}. infra/custom-roles.json'
      type: 'CustomRole'
      permissions: [
        {
          actions: role.value.?actions ?? []
          notActions: []
          dataActions: role.value.?dataActions ?? []
          notDataActions: []
        }
      ]
      assignableScopes: union([groupId], ['${subscription().id}/resourceGroups/${ledgerGroup}'])
    }
    dependsOn: [
      group
    ]
  }
]

module frontIdentity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: frontIdentityName
    location: region
    tags: tags
  }
}

module workerIdentity 'modules/identity.bicep' = if (split) {
  scope: group
  params: {
    name: workerIdentityName
    location: region
    tags: tags
  }
}

var frontPrincipalId = frontIdentity.outputs.principalId
var workerPrincipalId = split ? workerIdentity!.outputs.principalId : frontPrincipalId

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: 'log-${short}'
    insightsName: insightsName
    location: region
    tags: tags
    senders: concat(
      [{ principalId: frontPrincipalId, identityId: frontIdentityId }],
      split ? [{ principalId: workerPrincipalId, identityId: workerIdentityId }] : []
    )
    retentionDays: tier == 'trial' ? 30 : logRetentionDays
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  scope: group
  params: {
    name: networkName
    location: region
    tags: tags
    block: block
    linkedNetworks: networks
    zones: [blobZone, tableZone, busZone, registryZone]
  }
}

module hostStorage 'modules/storage-host.bicep' = {
  scope: group
  params: {
    name: hostStorageName
    location: region
    tags: tags
    keepsDeadEvents: !split
    appPrincipalId: frontPrincipalId
    appIdentityId: frontIdentityId
    privateNetworking: privateNetworking
  }
}

module workerStorage 'modules/storage-host.bicep' = if (split) {
  scope: group
  params: {
    name: workerStorageName
    location: region
    tags: tags
    keepsDeadEvents: true
    appPrincipalId: workerPrincipalId
    appIdentityId: workerIdentityId
    privateNetworking: privateNetworking
  }
}

module dataStorage 'modules/storage-data.bicep' = if (empty(existingLedgerName)) {
  scope: group
  params: {
    name: dataStorageName
    location: region
    tags: tags
    privateNetworking: privateNetworking
    locked: lockLedger
    redundancy: ledgerRedundancy
    auditRetentionDays: auditRetentionDays
    auditPolicyLocked: auditPolicyLocked
  }
}

module ledger 'modules/ledger.bicep' = {
  scope: resourceGroup(ledgerGroup)
  params: {
    name: ledgerName
    frontPrincipalId: frontPrincipalId
    workerPrincipalId: workerPrincipalId
    #disable-next-line what-if-short-circuiting // rights over an earlier installation's ledger outlive this one
    frontSeed: empty(existingLedgerName) ? frontIdentityId : frontPrincipalId
    #disable-next-line what-if-short-circuiting
    workerSeed: empty(existingLedgerName) ? workerIdentityId : workerPrincipalId
    customRoles: customRoles
    workspaceId: monitoring.outputs.workspaceId
    watchName: 'slipway-${short}'
  }
  dependsOn: [
    dataStorage
    ownRoles
  ]
}

module serviceBus 'modules/service-bus.bicep' = {
  scope: group
  params: {
    name: serviceBusName
    location: region
    tags: tags
    frontPrincipalId: frontPrincipalId
    frontIdentityId: frontIdentityId
    workerPrincipalId: workerPrincipalId
    workerIdentityId: workerIdentityId
    eventGridFunction: eventGridFunction
    pipelinePrincipalId: pipelinePrincipalId
    approvalSenders: senders
    customRoles: customRoles
    privateNetworking: privateNetworking
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [
    ownRoles
  ]
}

module vault 'modules/key-vault.bicep' = {
  scope: group
  params: {
    name: 'kv-${take(token, 13)}'
    recover: recoverVault
    location: region
    tags: tags
    frontPrincipalId: frontPrincipalId
    frontIdentityId: frontIdentityId
    workerPrincipalId: workerPrincipalId
    workerIdentityId: workerIdentityId
    workspaceId: monitoring.outputs.workspaceId
  }
}

module nonprodRegistry 'modules/registry.bicep' = {
  scope: group
  params: {
    name: nonprodRegistryName
    location: region
    tags: tags
    workerPrincipalId: workerPrincipalId
    workerIdentityId: workerIdentityId
    workerMayWrite: false
    workerMayImport: promotionByImport
    sku: registrySku
    pipelinePrincipalId: pipelinePrincipalId
    privateNetworking: privateNetworking
    workspaceId: monitoring.outputs.workspaceId
  }
}

// Into the production registry, nobody but Slipway writes.
module prodRegistry 'modules/registry.bicep' = {
  scope: group
  params: {
    name: prodRegistryName
    location: region
    tags: tags
    workerPrincipalId: workerPrincipalId
    workerIdentityId: workerIdentityId
    workerMayWrite: true
    workerMayImport: promotionByImport
    sku: registrySku
    pipelinePrincipalId: ''
    privateNetworking: privateNetworking
    workspaceId: monitoring.outputs.workspaceId
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetworking) {
  scope: group
  params: {
    location: region
    tags: tags
    networkName: networkName
    targets: concat(
      [
        { name: 'pe-host-blob', id: hostStorage.outputs.id, group: 'blob', zone: blobZone }
        { name: 'pe-host-table', id: hostStorage.outputs.id, group: 'table', zone: tableZone }
        { name: 'pe-data-blob', id: ledger.outputs.id, group: 'blob', zone: blobZone }
        { name: 'pe-data-table', id: ledger.outputs.id, group: 'table', zone: tableZone }
        { name: 'pe-bus', id: serviceBus.outputs.id, group: 'namespace', zone: busZone }
        { name: 'pe-nonprod', id: nonprodRegistry.outputs.id, group: 'registry', zone: registryZone }
        { name: 'pe-prod', id: prodRegistry.outputs.id, group: 'registry', zone: registryZone }
      ],
      split
        ? [
            { name: 'pe-work-blob', id: workerStorage!.outputs.id, group: 'blob', zone: blobZone }
            { name: 'pe-work-table', id: workerStorage!.outputs.id, group: 'table', zone: tableZone }
          ]
        : []
    )
  }
  dependsOn: [
    network
  ]
}

module staging 'modules/environment.bicep' = {
  scope: group
  params: {
    location: region
    tags: tags
    create: empty(stagingClusterName)
    clusterName: stagingName
    clusterResourceGroup: stagingGroup
    nodeSize: nodeSize
    nodeCount: stagingNodeCount
    tier: 'Free'
    adminGroups: adminGroups
    authorizedRanges: authorizedRanges
    nodeSubnetId: privateNetworking ? '${subnets}/staging' : ''
    workspaceId: monitoring.outputs.workspaceId
    managedPrometheus: managedPrometheus
    namespaces: empty(stagingNamespaces) ? [] : sys.split(replace(stagingNamespaces, ' ', ''), ',')
    workerPrincipalId: workerPrincipalId
    #disable-next-line what-if-short-circuiting // rights in a cluster that is not ours outlive this installation
    rightsSeed: empty(stagingClusterName) ? workerIdentityId : workerPrincipalId
    registryName: nonprodRegistryName
  }
  dependsOn: [
    nonprodRegistry
    network
  ]
}

module production 'modules/environment.bicep' = {
  scope: group
  params: {
    location: region
    tags: tags
    create: empty(productionClusterName) && !shared
    clusterName: productionName
    clusterResourceGroup: productionGroup
    nodeSize: nodeSize
    nodeCount: productionNodeCount
    tier: 'Standard'
    adminGroups: adminGroups
    authorizedRanges: authorizedRanges
    nodeSubnetId: privateNetworking ? '${subnets}/production' : ''
    workspaceId: monitoring.outputs.workspaceId
    managedPrometheus: managedPrometheus
    namespaces: empty(productionNamespaces) ? [] : sys.split(replace(productionNamespaces, ' ', ''), ',')
    workerPrincipalId: workerPrincipalId
    #disable-next-line what-if-short-circuiting // rights in a cluster that is not ours outlive this installation
    rightsSeed: productionGroup == groupName ? workerIdentityId : workerPrincipalId
    registryName: prodRegistryName
  }
  dependsOn: [
    prodRegistry
    network
    staging
  ]
}

// What an app of each role has of its own. The first is the one that people reach.
var frontApp = {
  role: split ? 'front' : 'single'
  service: 'front'
  name: appName
  planName: 'plan-${short}'
  storageName: hostStorageName
  works: false
}
var workerApp = {
  role: 'worker'
  service: 'worker'
  name: workerName
  planName: workerPlanName
  storageName: workerStorageName
  works: true
}

module apps 'modules/app.bicep' = [
  for app in (split ? [frontApp, workerApp] : [frontApp]): {
    scope: group
    params: {
      role: app.role
      service: app.service
      name: app.name
      planName: app.planName
      location: region
      tags: tags
      publicUrl: appUrl
      identityId: app.works ? workerIdentityId : frontIdentityId
      identityClientId: app.works ? workerIdentity!.outputs.clientId : frontIdentity.outputs.clientId
      insightsName: insightsName
      hostStorageName: app.storageName
      deploymentContainer: app.works
        ? workerStorage!.outputs.deploymentContainer
        : hostStorage.outputs.deploymentContainer
      tableEndpoint: ledger.outputs.tableEndpoint
      blobEndpoint: ledger.outputs.blobEndpoint
      auditWitnesses: auditWitnesses
      auditTableAge: auditTableAge
      auditExport: auditExport
      serviceBusHost: serviceBus.outputs.hostName
      vaultUri: vault.outputs.uri
      nonprodRegistryName: nonprodRegistryName
      prodRegistryName: prodRegistryName
      stagingClusterName: stagingName
      stagingClusterResourceGroup: stagingGroup
      productionClusterName: productionName
      productionClusterResourceGroup: productionGroup
      organizations: organizations
      runs: runs
      signInClientId: signInClientId
      votesClientId: votesClientId
      apiAccess: apiAccess
      eventGridFunction: eventGridFunction
      instanceMemory: instanceMemory
      maximumInstances: maximumInstances
      alwaysReady: ready
      extraSettings: extraSettings
      integrationSubnetId: privateNetworking ? '${subnets}/${app.service}' : ''
    }
    dependsOn: [
      nonprodRegistry
      prodRegistry
      staging
      production
      privateEndpoints
    ]
  }
]

module events 'modules/events.bicep' = {
  scope: group
  params: {
    name: 'evgt-${short}'
    location: region
    tags: tags
    registryId: nonprodRegistry.outputs.id
    serviceBusName: serviceBusName
    storageName: workerStorageName
    deadEventsContainer: 'dead-events'
    workspaceId: monitoring.outputs.workspaceId
  }
  dependsOn: [
    hostStorage
    workerStorage
    serviceBus
  ]
}

module mail 'modules/email.bicep' = if (email) {
  scope: group
  params: {
    name: short
    tags: tags
    workerPrincipalId: workerPrincipalId
    workerIdentityId: workerIdentityId
    dataLocation: emailDataLocation
  }
}

module teams 'modules/teams-flow.bicep' = if (teamsFlow) {
  scope: group
  params: {
    name: flowName
    location: region
    tags: tags
    serviceBusName: serviceBusName
  }
  dependsOn: [
    serviceBus
  ]
}

module operations 'modules/operations.bicep' = {
  scope: group
  params: {
    name: 'slipway-${installation}'
    location: region
    tags: tags
    alertEmail: alertEmail
    workspaceId: '${groupId}/providers/Microsoft.OperationalInsights/workspaces/${workspaceName}'
    serviceBusId: serviceBus.outputs.id
    systemTopicId: events.outputs.id
    frontPrincipalId: frontPrincipalId
    workerPrincipalId: workerPrincipalId
    insightsId: '${groupId}/providers/Microsoft.Insights/components/${insightsName}'
    healthUrl: '${appUrl}/api/health'
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output SLIPWAY_APP_NAME string = apps[0].outputs.name
output SLIPWAY_APP_HOST string = apps[0].outputs.hostName
@description('The app that reads the queues: the same one where one app is both.')
output SLIPWAY_WORKER_NAME string = apps[split ? 1 : 0].outputs.name
output SLIPWAY_PUBLIC_URL string = appUrl
@description('Principal of the identity that signs people in.')
output SLIPWAY_IDENTITY_PRINCIPAL_ID string = frontPrincipalId
@description('Principal of the identity that delivers: what Azure DevOps has to know.')
output SLIPWAY_WORKER_PRINCIPAL_ID string = workerPrincipalId
output SLIPWAY_VAULT_NAME string = vault.outputs.name
output SLIPWAY_LEDGER_STORAGE string = ledgerName
output SLIPWAY_LEDGER_GROUP string = ledgerGroup
output SLIPWAY_SERVICE_BUS string = serviceBus.outputs.hostName
output SLIPWAY_NONPROD_REGISTRY string = nonprodRegistry.outputs.loginServer
output SLIPWAY_PROD_REGISTRY string = prodRegistry.outputs.loginServer
output SLIPWAY_STAGING_CLUSTER string = stagingName
output SLIPWAY_PRODUCTION_CLUSTER string = productionName
@description('Names of all rights that this deployment gives; infra/hooks/postprovision.py takes former ones back.')
output SLIPWAY_RIGHTS array = concat(
  monitoring.outputs.rights,
  hostStorage.outputs.rights,
  split ? workerStorage!.outputs.rights : [],
  ledger.outputs.tableRights,
  ledger.outputs.containerRights,
  map(serviceBus.outputs.workerRights, right => right.receive),
  map(serviceBus.outputs.workerRights, right => right.send),
  serviceBus.outputs.frontRights,
  serviceBus.outputs.voteRights,
  serviceBus.outputs.otherRights,
  vault.outputs.frontRights,
  vault.outputs.workerRights,
  nonprodRegistry.outputs.rights,
  prodRegistry.outputs.rights,
  staging.outputs.rights,
  production.outputs.rights,
  events.outputs.rights,
  email ? mail!.outputs.rights : [],
  teamsFlow ? teams!.outputs.rights : []
)
@description('What an option that is off would have made; infra/hooks/postprovision.py removes what is left of it.')
output SLIPWAY_SWITCHED_OFF array = concat(
  split
    ? []
    : [
        '${groupId}/providers/Microsoft.Web/sites/${workerName}'
        '${groupId}/providers/Microsoft.Web/serverfarms/${workerPlanName}'
        '${identities}/${workerIdentityName}'
      ],
  teamsFlow
    ? []
    : [
        '${groupId}/providers/Microsoft.Logic/workflows/${flowName}'
        '${groupId}/providers/Microsoft.Web/connections/${flowName}-teams'
      ],
  email
    ? []
    : [
        '${groupId}/providers/Microsoft.Communication/communicationServices/acs-${short}'
        '${groupId}/providers/Microsoft.Communication/emailServices/mail-${short}/domains/AzureManagedDomain'
        '${groupId}/providers/Microsoft.Communication/emailServices/mail-${short}'
      ]
)
