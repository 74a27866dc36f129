// Storage of one role's Functions host: its package, locks and keys. Each role has its own, apart from the ledger, so that what
// a host needs (owner of its blobs) gives no right over the other role's package or the ledger's evidence.
param name string
param location string
param tags object
@description('Whether events that could not be delivered are kept here.')
param keepsDeadEvents bool
param appPrincipalId string
@description('Resource id of the same identity: known before anything runs, so names made of it are too.')
param appIdentityId string
param privateNetworking bool

var roles = loadJsonContent('../roles.json')

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
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

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
  }
}

// An event that could not be delivered for a day is of use to whoever looks into it, and to nobody a season later.
resource old 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = if (keepsDeadEvents) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'dead-events'
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['dead-events/']
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: 90
                }
              }
            }
          }
        }
      ]
    }
  }
}

resource deployment 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: blobs
  name: 'deployment'
  properties: {
    publicAccess: 'None'
  }
}

resource deadEvents 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = if (keepsDeadEvents) {
  parent: blobs
  name: 'dead-events'
  properties: {
    publicAccess: 'None'
  }
}

resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, appIdentityId, roles.storageBlobDataOwner)
  scope: account
  properties: {
    description: 'Slipway: the Functions host reads its package, and keeps its locks and keys in containers that it makes itself.'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
  }
}

resource hostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, appIdentityId, roles.storageTableDataContributor)
  scope: account
  properties: {
    description: 'Slipway: the Functions host writes its diagnostic events to a table that it makes itself.'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.storageTableDataContributor
    )
  }
}

output id string = account.id
output deploymentContainer string = '${account.properties.primaryEndpoints.blob}${deployment.name}'
output name string = account.name

@description('Names of the rights that are given here.')
output rights array = [hostBlobs.name, hostTables.name]
