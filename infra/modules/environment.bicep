// One environment's cluster: an existing one, or a new one with its monitoring; and what the worker and the nodes may do.
param location string
param tags object
@description('Whether the cluster is made here; otherwise it exists, in its own resource group.')
param create bool
param clusterName string
param clusterResourceGroup string
param nodeSize string
param nodeCount int
param tier string
param adminGroups array
param authorizedRanges array
param nodeSubnetId string
param workspaceId string
param managedPrometheus bool
@description('Namespaces that Slipway delivers to.')
param namespaces array
param workerPrincipalId string
@description('What the names of the worker\'s rights in the cluster are made of.')
param rightsSeed string
@description('The registry that this environment pulls from.')
param registryName string

module cluster 'cluster.bicep' = if (create) {
  params: {
    name: clusterName
    location: location
    tags: tags
    nodeSize: nodeSize
    nodeCount: nodeCount
    tier: tier
    adminGroups: adminGroups
    authorizedRanges: authorizedRanges
    nodeSubnetId: nodeSubnetId
    workspaceId: workspaceId
    managedPrometheus: managedPrometheus
  }
}

module metrics 'prometheus.bicep' = if (managedPrometheus && create) {
  params: {
    accountName: 'amw-${clusterName}'
    clusterName: clusterName
    location: location
    tags: tags
  }
  dependsOn: [
    cluster
  ]
}

module access 'cluster-access.bicep' = {
  scope: resourceGroup(clusterResourceGroup)
  params: {
    clusterName: clusterName
    workerPrincipalId: workerPrincipalId
    rightsSeed: rightsSeed
    namespaces: namespaces
  }
  dependsOn: [
    cluster
  ]
}

module nodes 'cluster-nodes.bicep' = {
  scope: resourceGroup(clusterResourceGroup)
  params: {
    clusterName: clusterName
  }
  dependsOn: [
    cluster
  ]
}

module pull 'registry-pull.bicep' = {
  params: {
    registryName: registryName
    nodesPrincipalId: nodes.outputs.principalId
    // Another team's cluster may be made anew under its name, with other nodes: a right cannot change its principal.
    #disable-next-line what-if-short-circuiting
    rightsSeed: create
      ? resourceId('Microsoft.ContainerService/managedClusters', clusterName)
      : nodes.outputs.principalId
  }
}

@description('Names of the rights that are given here.')
output rights array = concat(access.outputs.rights, pull.outputs.rights, create ? cluster!.outputs.rights : [])
