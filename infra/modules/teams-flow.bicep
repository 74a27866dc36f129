// Approvals in Teams: a channel of the kind `teams-flow` starts a run for each approver who is asked; it posts the card,
// waits, and puts the answer into the approvals queue, with the token that it was started with and with who has answered
// as Teams knows them. It is one of the senders of approvals.
//
// The Teams connection must be signed in once by a person after the first deployment.
param name string
param location string
param tags object
param serviceBusName string

var roles = loadJsonContent('../roles.json')
var definition = loadJsonContent('../teams-flow.json')

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: serviceBusName
}

resource approvals 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: namespace
  name: 'approvals'
}

resource teams 'Microsoft.Web/connections@2016-06-01' = {
  name: '${name}-teams'
  location: location
  tags: tags
  properties: {
    displayName: 'Slipway approvals'
    api: {
      id: subscriptionResourceId('Microsoft.Web/locations/managedApis', location, 'teams')
    }
  }
}

resource flow 'Microsoft.Logic/workflows@2019-05-01' = {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    state: 'Enabled'
    definition: definition
    parameters: {
      queueAddress: {
        value: 'https://${serviceBusName}.servicebus.windows.net/${approvals.name}/messages'
      }
      '$connections': {
        value: {
          teams: {
            id: subscriptionResourceId('Microsoft.Web/locations/managedApis', location, 'teams')
            connectionId: teams.id
            connectionName: teams.name
          }
        }
      }
    }
  }
}

resource send 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(approvals.id, flow.id, roles.serviceBusDataSender)
  scope: approvals
  properties: {
    description: 'Slipway: the Teams flow passes on what an approver answered.'
    principalId: flow.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
  }
}

@description('Names of the rights that are given here.')
output rights array = [send.name]
