// The worker's rights in a cluster: in the namespaces that it delivers to, and nowhere else.
param clusterName string
param workerPrincipalId string
@description('What the names of its rights are made of: its resource id, or its principal where the scope outlives it.')
param rightsSeed string
@description('Namespaces that Slipway delivers to. They must exist in the cluster before the first rollout.')
param namespaces array

var roles = loadJsonContent('../roles.json')

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: clusterName
}

// A namespace is a scope for Azure RBAC but no type of resource that Bicep knows; it is only named here, never read.
#disable-next-line BCP081
resource spaces 'Microsoft.ContainerService/managedClusters/namespaces@2022-01-02-preview' existing = [
  for namespace in namespaces: {
    parent: cluster
    name: namespace
  }
]

resource deploy 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (namespace, i) in namespaces: {
    name: guid(cluster.id, namespace, rightsSeed, roles.aksRbacWriter)
    scope: spaces[i]
    properties: {
      description: 'Slipway: the worker applies manifests, watches rollouts, and runs verifications in this namespace.'
      principalId: workerPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.aksRbacWriter)
    }
  }
]

@description('Names of the rights that are given here.')
output rights array = [for (namespace, i) in namespaces: deploy[i].name]
