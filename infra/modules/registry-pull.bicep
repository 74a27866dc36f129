// A cluster's nodes pull from a registry, with the kubelet's identity. (`az aks update --attach-acr` gives AcrPull, which a
// registry in ABAC mode does not honour.)
param registryName string
param clusterName string
param clusterResourceGroup string

var roles = loadJsonContent('../roles.json')

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' existing = {
  name: registryName
}

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: clusterName
  scope: resourceGroup(clusterResourceGroup)
}

resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, cluster.id, roles.acrRepositoryReader)
  scope: registry
  properties: {
    description: 'The nodes of the cluster pull images.'
    principalId: cluster.properties.identityProfile.kubeletidentity.objectId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrRepositoryReader)
  }
}
