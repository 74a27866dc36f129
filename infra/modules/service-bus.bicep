// The queues. Nobody sends or receives with a key, and no right to do so is given on the whole namespace.
param name string
param location string
param tags object
@description('Principals and identities of the two roles: the same where one app is both.')
param frontPrincipalId string
param frontIdentityId string
param workerPrincipalId string
param workerIdentityId string
@description('Whether the front has the function by which Event Grid may call it: it then passes events on.')
param eventGridFunction bool
@description('Principal of the pipelines\' service connection, which may report runs; empty for none.')
param pipelinePrincipalId string
@description('Principals that may send votes and what stops a release as messages.')
param approvalSenders array
@description('Ids of this installation\'s own roles, by the keys of infra/custom-roles.json.')
param customRoles object
param privateNetworking bool
param workspaceId string

var roles = loadJsonContent('../roles.json')
var queueFacts = loadJsonContent('../queues.json')
var queueNames = map(queueFacts, queue => queue.name)

// Who sent and received what is told by the Premium tier only: the one witness beside the worker of what lay in a queue.
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

// Duplicate detection and sessions are fixed when a queue is made. Where several send, the bus drops no repeats, which change nothing
// anyway: one sender could use up the id under which another says stop. Ten deliveries, then the dead-letter queue, which the worker
// empties into its parked input; steps last at most minutes, and the host renews the lock of what is running.
resource queues 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [
  for queue in queueFacts: {
    parent: namespace
    name: queue.name
    properties: {
      requiresDuplicateDetection: queue.oneSender
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

// Event Grid delivers with its identity past a firewall that lets trusted services in, and to nothing that is closed otherwise.
resource trusted 'Microsoft.ServiceBus/namespaces/networkRuleSets@2024-01-01' = if (privateNetworking) {
  parent: namespace
  name: 'default'
  properties: {
    publicNetworkAccess: 'Disabled'
    defaultAction: 'Deny'
    trustedServiceAccessEnabled: true
  }
}

resource receive 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (queue, i) in queueNames: {
    name: guid(namespace.id, queue, workerIdentityId, roles.serviceBusDataReceiver)
    scope: queues[i]
    properties: {
      description: 'Slipway: the worker takes messages from its queues, and empties their dead letters.'
      principalId: workerPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataReceiver)
    }
  }
]

resource send 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (queue, i) in queueNames: {
    name: guid(namespace.id, queue, workerIdentityId, roles.serviceBusDataSender)
    scope: queues[i]
    properties: {
      description: 'Slipway: the worker sends steps and decisions, and a later copy of any message that went wrong.'
      principalId: workerPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
    }
  }
]

// Without it the platform only estimates how many messages wait, and starts instances late.
resource count 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(namespace.id, workerIdentityId, customRoles.queuesCount)
  scope: namespace
  properties: {
    description: 'Slipway: the platform counts the messages that wait, as the worker, to know how many instances to start.'
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', customRoles.queuesCount)
  }
}

// One identity that is both roles may send to every queue already, and no right is given twice.
var frontQueues = frontIdentityId == workerIdentityId ? [] : eventGridFunction ? ['hints', 'events'] : ['hints']

resource ofFront 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = [
  for queue in frontQueues: {
    parent: namespace
    name: queue
  }
]

resource hint 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (queue, i) in frontQueues: {
    name: guid(namespace.id, queue, frontIdentityId, roles.serviceBusDataSender)
    scope: ofFront[i]
    properties: {
      description: queue == 'hints'
        ? 'Slipway: the front says that there is something to look at; a hint decides nothing.'
        : 'Slipway: the front passes on the events with which Event Grid calls it.'
      principalId: frontPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
    }
    dependsOn: [
      queues
    ]
  }
]

resource approvals 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: namespace
  name: 'approvals'
}

resource vote 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for sender in approvalSenders: {
    name: guid(namespace.id, 'approvals', sender, roles.serviceBusDataSender)
    scope: approvals
    properties: {
      description: 'Slipway: sends votes, and what stops a release, as messages.'
      principalId: sender
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
    }
    dependsOn: [
      queues
    ]
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
output workerRights array = [
  for (queue, i) in queueNames: {
    receive: receive[i].name
    send: send[i].name
  }
]
output frontRights array = [for (queue, i) in frontQueues: hint[i].name]
output voteRights array = [for (sender, i) in approvalSenders: vote[i].name]
output otherRights array = concat([count.name], empty(pipelinePrincipalId) ? [] : [report.name])
