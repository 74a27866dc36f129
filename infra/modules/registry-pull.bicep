// A cluster's nodes pull from a registry, with the kubelet's identity. (`az aks update --attach-acr` gives AcrPull, which a
// registry in ABAC mode does not honour.)
param registryName string
@description('Principal of the kubelet\'s identity.')
param nodesPrincipalId string
@description('What the name of the right is made of: the cluster\'s resource id, or the principal where the cluster is not ours to make.')
param rightsSeed string

var roles = loadJsonContent('../roles.json')

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: registryName
}

resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, rightsSeed, roles.acrRepositoryReader)
  scope: registry
  properties: {
    description: 'Slipway: the nodes of the cluster pull images.'
    principalId: nodesPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrRepositoryReader)
  }
}

@description('Names of the rights that are given here.')
output rights array = [pull.name]
