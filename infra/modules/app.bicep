// One role's Function app on Flex Consumption. None of its settings holds a secret: what is secret is a reference into Key
// Vault, and only those that the role may read.
//
// The settings are those of slipway/bootstrap/settings.py and the host's; tests/infra compares them in both directions.
@allowed(['front', 'worker', 'single'])
param role string
@description('Name of the service in azure.yaml that is deployed here.')
param service string
param name string
param planName string
param location string
param tags object
param publicUrl string
param identityId string
param identityClientId string
param insightsName string
param hostStorageName string
param deploymentContainer string
param tableEndpoint string
param blobEndpoint string
param serviceBusHost string
param vaultUri string
param nonprodRegistryName string
param prodRegistryName string
param stagingClusterName string
param stagingClusterResourceGroup string
param productionClusterName string
param productionClusterResourceGroup string
@description('Channels to which new anchors of the audit trail are sent once a day, separated by commas.')
param auditWitnesses string
@description('Age at which audit records move from the table into the audit container, such as 400d; empty for never.')
param auditTableAge string
@description('Format in which audit records are exported into the audit container each hour: jsonl, csv, cloudevents; empty for not at all.')
param auditExport string
@description('Azure DevOps organizations whose hooks count, separated by commas.')
param organizations string
@description('What is believed of CI runs: proved or claimed.')
param runs string
@description('Client id of the Entra application that people sign in to.')
param signInClientId string
@description('Client id of the Entra application by which votes are proved.')
param votesClientId string
@description('Who is let in to the API: `roles` or `host-keys`.')
param apiAccess string
@allowed([512, 2048, 4096])
param instanceMemory int
param maximumInstances int
@description('Whether Event Grid may call the front, besides sending to the queue.')
param eventGridFunction bool
@description('Instances that always wait, by `http` or the name of a queue\'s function.')
param alwaysReady object
@description('Settings beside those below, by name; each role gets those that it may have.')
param extraSettings object
@description('Subnet for outbound traffic; empty for none.')
param integrationSubnetId string

var runtimeVersion = '3.13'
var answers = role != 'worker'
var works = role != 'front'
var queueFacts = loadJsonContent('../queues.json')
var foreign = loadJsonContent('../role-settings.json')[role]
var vaultReference = '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/'

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource nonprod 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: nonprodRegistryName
}

resource prod 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: prodRegistryName
}

resource staging 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: stagingClusterName
  scope: resourceGroup(stagingClusterResourceGroup)
}

resource production 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: productionClusterName
  scope: resourceGroup(productionClusterResourceGroup)
}

// ARM names no CA certificate; the kubeconfig of a cluster with Entra sign-in does, and holds no secret.
var stagingConfig = base64ToString(staging.listClusterUserCredential().kubeconfigs[0].value)
var productionConfig = base64ToString(production.listClusterUserCredential().kubeconfigs[0].value)
var registries = {
  nonprod: {
    login_server: nonprod.properties.loginServer
    resource_id: nonprod.id
  }
  prod: {
    login_server: prod.properties.loginServer
    resource_id: prod.id
  }
}
var clusters = {
  staging: {
    server: trim(split(split(stagingConfig, 'server: ')[1], '\n')[0])
    ca_data: trim(split(split(stagingConfig, 'certificate-authority-data: ')[1], '\n')[0])
  }
  production: {
    server: trim(split(split(productionConfig, 'server: ')[1], '\n')[0])
    ca_data: trim(split(split(productionConfig, 'certificate-authority-data: ')[1], '\n')[0])
  }
}

var added = map(filter(items(extraSettings), setting => !contains(foreign, setting.key)), setting => {
  name: setting.key
  value: setting.value
})

var forEvery = [
  { name: 'AzureWebJobsStorage__accountName', value: hostStorageName }
  { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
  { name: 'AzureWebJobsStorage__clientId', value: identityClientId }
  // Where no function answers at '/', Azure's own page must not look like one of ours.
  { name: 'AzureWebJobsDisableHomepage', value: 'true' }
  { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: insights.properties.ConnectionString }
  { name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING', value: 'ClientId=${identityClientId};Authorization=AAD' }
  { name: 'AZURE_CLIENT_ID', value: identityClientId }
  { name: 'PYTHON_THREADPOOL_THREAD_COUNT', value: '32' }
  { name: 'ServiceBus__fullyQualifiedNamespace', value: serviceBusHost }
  { name: 'ServiceBus__credential', value: 'managedidentity' }
  { name: 'ServiceBus__clientId', value: identityClientId }
  { name: 'SLIPWAY_ROLE', value: role }
  { name: 'SLIPWAY_PUBLIC_URL', value: publicUrl }
  { name: 'SLIPWAY_TABLE_ENDPOINT', value: tableEndpoint }
  { name: 'SLIPWAY_BLOB_ENDPOINT', value: blobEndpoint }
  { name: 'SLIPWAY_PUBLIC_KEYS', value: '${vaultReference}slipway-public-keys)' }
  { name: 'SLIPWAY_ORGANIZATIONS', value: organizations }
  { name: 'SLIPWAY_TENANT_ID', value: tenant().tenantId }
  { name: 'SLIPWAY_SIGN_IN_CLIENT_ID', value: signInClientId }
  { name: 'SLIPWAY_VOTES_CLIENT_ID', value: votesClientId }
]
var forWorker = [
  { name: 'SLIPWAY_WITNESSES', value: auditWitnesses }
  { name: 'SLIPWAY_RETENTION', value: auditTableAge }
  { name: 'SLIPWAY_EXPORT', value: auditExport }
  { name: 'SLIPWAY_REGISTRIES', value: string(registries) }
  { name: 'SLIPWAY_CLUSTERS', value: string(clusters) }
  { name: 'SLIPWAY_CHANNELS', value: '${vaultReference}slipway-channels)' }
  { name: 'SLIPWAY_KEY_VAULT', value: vaultUri }
  { name: 'SLIPWAY_RUNS', value: runs }
]
var forFront = [
  { name: 'SLIPWAY_HOOK_SECRETS', value: '${vaultReference}slipway-hook-secrets)' }
  { name: 'SLIPWAY_SESSION_KEYS', value: '${vaultReference}slipway-session-keys)' }
  { name: 'SLIPWAY_API_ACCESS', value: apiAccess }
  { name: 'SLIPWAY_API_KEYS', value: '${vaultReference}slipway-api-keys)' }
  { name: 'SLIPWAY_EVENT_GRID_FUNCTION', value: eventGridFunction ? 'true' : 'false' }
]

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, {
    'azd-service-name': service
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(integrationSubnetId) ? null : integrationSubnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainer
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: runtimeVersion
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemory
        maximumInstanceCount: maximumInstances
        alwaysReady: concat(
          answers && contains(alwaysReady, 'http') ? [{ name: 'http', instanceCount: alwaysReady.http }] : [],
          works
            ? map(filter(queueFacts, queue => contains(alwaysReady, queue.function)), queue => {
                name: 'function:${queue.function}'
                instanceCount: alwaysReady[queue.function]
              })
            : []
        )
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      // Nothing answers at the worker; its deployment site takes packages from whoever may deploy, by Entra.
      ipSecurityRestrictionsDefaultAction: answers ? 'Allow' : 'Deny'
      scmIpSecurityRestrictionsUseMain: false
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
      appSettings: concat(forEvery, works ? forWorker : [], answers ? forFront : [], added)
    }
  }
}

resource noPasswordForScm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

resource noPasswordForFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

output name string = app.name
output hostName string = app.properties.defaultHostName
