// The queues. Nobody sends or receives with a key, and nobody has a role on the whole namespace.
param name string
param location string
param tags object
param appPrincipalId string
@description('Resource id of the same identity: known before anything runs, so names made of it are too.')
param appIdentityId string
@description('Principal of the pipelines\' service connection, which may report runs; empty for none.')
param pipelinePrincipalId string
param privateNetworking bool
param workspaceId string

var roles = loadJsonContent('../roles.json')
var queueFacts = loadJsonContent('../queues.json')
var queueNames = map(queueFacts, queue => queue.name)

// Who sent and received what is told by the Premium tier only: the one witness beside the app of what lay in a queue.
var logged = privateNetworking
  ? ['OperationalLogs', 'RuntimeAuditLogs', 'DiagnosticErrorLogs', 'VNetAndIPFilteringLogs']
  : ['OperationalLogs', 'DiagnosticErrorLogs']

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: privateNetworking ? 'Premium' : 'Standard'
    tier: privateNetworking ? 'Premium' : 'Standard'
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
  }
}

// Duplicate detection and sessions are fixed when a queue is made. Ten deliveries, then the dead-letter queue, which the app empties
// into its parked input; steps last at most minutes, and the host renews the lock of what is running.
resource queues 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [
  for queue in queueFacts: {
    parent: namespace
    name: queue.name
    properties: {
      requiresDuplicateDetection: true
      duplicateDetectionHistoryTimeWindow: 'PT10M'
      maxDeliveryCount: 10
      lockDuration: 'PT1M'
      deadLetteringOnMessageExpiration: true
      defaultMessageTimeToLive: 'P14D'
      requiresSession: queue.sessions
      enablePartitioning: false
    }
  }
]

resource receive 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (queue, i) in queueNames: {
    name: guid(namespace.id, queue, appIdentityId, roles.serviceBusDataReceiver)
    scope: queues[i]
    properties: {
      description: 'Slipway: the app takes messages from its queues, and empties their dead letters.'
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataReceiver)
    }
  }
]

resource send 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (queue, i) in queueNames: {
    name: guid(namespace.id, queue, appIdentityId, roles.serviceBusDataSender)
    scope: queues[i]
    properties: {
      description: 'Slipway: the app sends events and steps, and a later copy of any message that went wrong.'
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
    }
  }
]

resource runs 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: namespace
  name: 'runs'
}

resource report 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(pipelinePrincipalId)) {
  name: guid(namespace.id, 'runs', pipelinePrincipalId, roles.serviceBusDataSender)
  scope: runs
  properties: {
    description: 'Slipway: pipelines report their runs.'
    principalId: pipelinePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
  }
  dependsOn: [
    queues
  ]
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'operations'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logs: [
      for category in logged: {
        category: category
        enabled: true
      }
    ]
  }
}

output id string = namespace.id
output name string = namespace.name
output hostName string = '${namespace.name}.servicebus.windows.net'

@description('Names of the rights that are given here.')
output appRights array = [
  for (queue, i) in queueNames: {
    receive: receive[i].name
    send: send[i].name
  }
]
output pipelineRights array = empty(pipelinePrincipalId) ? [] : [report.name]
