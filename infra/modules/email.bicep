// E-mail through Communication Services, from a domain that Azure manages (five mails a minute; bring your own for more).
param name string
param tags object
param workerPrincipalId string
@description('Resource id of the same identity: known before anything runs, so names made of it are too.')
param workerIdentityId string
@description('Where mail is kept at rest, such as Europe or United States.')
param dataLocation string

var roles = loadJsonContent('../roles.json')

resource mail 'Microsoft.Communication/emailServices@2025-09-01' = {
  name: 'mail-${name}'
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
  }
}

resource domain 'Microsoft.Communication/emailServices/domains@2025-09-01' = {
  parent: mail
  name: 'AzureManagedDomain'
  location: 'global'
  tags: tags
  properties: {
    domainManagement: 'AzureManaged'
    userEngagementTracking: 'Disabled'
  }
}

resource service 'Microsoft.Communication/communicationServices@2025-09-01' = {
  name: 'acs-${name}'
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
    linkedDomains: [domain.id]
    disableLocalAuth: true
  }
}

resource send 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(service.id, workerIdentityId, roles.communicationEmailOwner)
  scope: service
  properties: {
    description: 'Slipway: the worker sends mail.'
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.communicationEmailOwner)
  }
}

@description('Names of the rights that are given here.')
output rights array = [send.name]
