// What the two roles may do with the ledger's storage, which this installation made or an earlier one left: after the loss
// of a region the app is installed anew beside the storage account that was failed over. A test compares every line with
// slipway/domain/rights.py.
param name string
@description('Principals of the two roles: the same one where one app is both.')
param frontPrincipalId string
param workerPrincipalId string
@description('What the names of their rights are made of: an identity\'s resource id, or its principal where the scope outlives it.')
param frontSeed string
param workerSeed string
@description('Ids of this installation\'s own roles, by the keys of infra/custom-roles.json.')
param customRoles object
@description('The workspace to which writes and deletions are logged, whoever made the account.')
param workspaceId string
@description('Name of the rule that logs them: an earlier installation has its own.')
param watchName string

var roles = loadJsonContent('../roles.json')
var onTables = [
  {
    name: 'ledger'
    front: true
    role: roles.storageTableDataReader
    why: 'the front shows what the ledger holds.'
  }
  {
    name: 'auditindex'
    front: true
    role: roles.storageTableDataReader
    why: 'the front answers questions about the trail, and sees who has signed out.'
  }
  {
    name: 'inbox'
    front: true
    role: customRoles.rowsReadAdd
    why: 'the front adds what people said, and changes nothing of it.'
  }
  {
    name: 'challenges'
    front: true
    role: customRoles.rowsReadAdd
    why: 'the front keeps a statement here while its author signs in.'
  }
  {
    name: 'ledger'
    front: false
    role: roles.storageTableDataContributor
    why: 'the worker, and nobody else, writes the ledger.'
  }
  {
    name: 'auditindex'
    front: false
    role: roles.storageTableDataContributor
    why: 'the worker keeps the index of the trail, and can make it anew.'
  }
  {
    name: 'inbox'
    front: false
    role: customRoles.rowsReadDelete
    why: 'the worker reads what people said, and removes what it has answered.'
  }
  {
    name: 'challenges'
    front: false
    role: customRoles.rowsReadDelete
    why: 'the worker removes statements whose authors never came back.'
  }
]
var onContainers = [
  {
    name: 'evidence'
    front: true
    role: roles.storageBlobDataReader
    why: 'the front shows plans, proofs and logs.'
  }
  {
    name: 'audit'
    front: true
    role: roles.storageBlobDataReader
    why: 'the front shows archived records, and compares trails with their anchors.'
  }
  {
    name: 'incoming'
    front: true
    role: customRoles.blobsAdd
    why: 'the front lays down here what is too large for a row; it can neither read nor replace it.'
  }
  {
    name: 'evidence'
    front: false
    role: customRoles.blobsReadAdd
    why: 'the worker keeps plans, proofs and logs, named by their hash; it replaces and deletes none.'
  }
  {
    name: 'audit'
    front: false
    role: customRoles.blobsReadWrite
    why: 'the worker writes anchors, archived and exported records; what a policy of immutability protects, it cannot change.'
  }
  {
    name: 'incoming'
    front: false
    role: customRoles.blobsReadDelete
    why: 'the worker reads what the front laid down, and removes it.'
  }
]

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: name
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2023-05-01' existing = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2023-05-01' existing = [
  for right in onTables: {
    parent: tableService
    name: right.name
  }
]

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' existing = {
  parent: account
  name: 'default'
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = [
  for right in onContainers: {
    parent: blobService
    name: right.name
  }
]

resource tableRights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (right, i) in onTables: {
    name: guid(tables[i].id, right.front ? frontSeed : workerSeed, right.role)
    scope: tables[i]
    properties: {
      description: 'Slipway: ${right.why}'
      principalId: right.front ? frontPrincipalId : workerPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', right.role)
    }
  }
]

resource containerRights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (right, i) in onContainers: {
    name: guid(containers[i].id, right.front ? frontSeed : workerSeed, right.role)
    scope: containers[i]
    properties: {
      description: 'Slipway: ${right.why}'
      principalId: right.front ? frontPrincipalId : workerPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', right.role)
    }
  }
]

resource tableWrites 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: watchName
  scope: tableService
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

resource blobWrites 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: watchName
  scope: blobService
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

output id string = account.id
output tableEndpoint string = 'https://${account.name}.table.${environment().suffixes.storage}/'
output blobEndpoint string = 'https://${account.name}.blob.${environment().suffixes.storage}/'

@description('Names of the rights that are given here.')
output tableRights array = [for (right, i) in onTables: tableRights[i].name]
output containerRights array = [for (right, i) in onContainers: containerRights[i].name]
