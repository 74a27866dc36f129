// Storage of the product: its tables and containers. Nobody but this template makes them; what the roles may do in them is in
// ledger.bicep.
param name string
param location string
param tags object
param privateNetworking bool
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS', 'Standard_RAGRS', 'Standard_RAGZRS'])
@description('How the ledger is copied: a G outlives the region, a Z a data centre. Not every region has every kind.')
param redundancy string
@description('Whether nobody can delete the account before its lock is taken away, `azd down` included.')
param locked bool
@description('Days for which nobody can change or delete an exported audit blob; 0 for no policy. Locking it is a step of its own.')
@minValue(0)
@maxValue(146000)
param auditRetentionDays int
@description('Whether the policy is locked: then only a request of its own can make it longer, and the template leaves it alone.')
param auditPolicyLocked bool

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: redundancy
  }
  properties: {
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateNetworking ? 'Deny' : 'Allow'
    }
  }
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices@2023-05-01' = {
  parent: account
  name: 'default'
}

resource rows 'Microsoft.Storage/storageAccounts/tableServices/tables@2023-05-01' = [
  for table in ['ledger', 'auditindex', 'inbox', 'challenges']: {
    parent: tables
    name: table
  }
]

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    deleteRetentionPolicy: {
      enabled: true
      days: 30
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 30
    }
  }
}

resource evidence 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: 'evidence'
  properties: {
    publicAccess: 'None'
  }
}

resource audit 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: 'audit'
  properties: {
    publicAccess: 'None'
  }
}

resource incoming 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: 'incoming'
  properties: {
    publicAccess: 'None'
  }
}

// Unlocked: it can still be shortened or removed, and `azd down` still works. Locking is a POST that no template can do.
resource immutability 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2023-05-01' = if (auditRetentionDays > 0 && !auditPolicyLocked) {
  parent: audit
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: auditRetentionDays
    allowProtectedAppendWrites: true
  }
}

resource kept 'Microsoft.Authorization/locks@2020-05-01' = if (locked) {
  name: 'ledger'
  scope: account
  properties: {
    level: 'CanNotDelete'
    notes: 'The audit trail of Slipway. Whoever takes this lock away can lose it.'
  }
}
