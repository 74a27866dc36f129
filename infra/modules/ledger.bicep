// What the app may do with the ledger's storage, which this installation made or an earlier one left: after the loss of a
// region the app is installed anew beside the storage account that was failed over.
param name string
param appPrincipalId string
@description('What the names of its rights are made of: its resource id, or its principal where the scope outlives it.')
param rightsSeed string
@description('Where writes and deletions are told, whoever made the account.')
param workspaceId string
@description('Name of what tells them: an earlier installation has its own.')
param watchName string

var roles = loadJsonContent('../roles.json')

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: name
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices@2023-05-01' existing = {
  parent: account
  name: 'default'
}

resource table 'Microsoft.Storage/storageAccounts/tableServices/tables@2023-05-01' existing = {
  parent: tables
  name: 'ledger'
}

resource indexTable 'Microsoft.Storage/storageAccounts/tableServices/tables@2023-05-01' existing = {
  parent: tables
  name: 'auditindex'
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' existing = {
  parent: account
  name: 'default'
}

resource evidence 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = {
  parent: blobs
  name: 'evidence'
}

resource audit 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = {
  parent: blobs
  name: 'audit'
}

resource ledgerAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, rightsSeed, roles.storageTableDataContributor)
  scope: account
  properties: {
    description: 'Slipway: the app keeps its ledger here; at start-up it makes sure that its tables exist, which needs the account as scope.'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageTableDataContributor
    )
  }
}

resource evidenceAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(evidence.id, rightsSeed, roles.storageBlobDataContributor)
  scope: evidence
  properties: {
    description: 'Slipway: the app keeps plans and logs here, named by their hash.'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataContributor
    )
  }
}

resource auditAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(audit.id, rightsSeed, roles.storageBlobDataContributor)
  scope: audit
  properties: {
    description: 'Slipway: the app appends the anchors of the audit trail here, and keeps archived and exported records; what a policy of immutability protects, it cannot change.'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageBlobDataContributor
    )
  }
}

resource tableWrites 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: watchName
  scope: tables
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
  scope: blobs
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
output ledgerTable string = table.name
output indexTable string = indexTable.name
output evidenceContainer string = evidence.name
output auditContainer string = audit.name

@description('Names of the rights that are given here.')
output rights array = [ledgerAccess.name, evidenceAccess.name, auditAccess.name]
