// One environment's cluster: an existing one, or a new one with its monitoring; and what the app and the nodes may do.
param environmentName string
param location string
param tags object
@description('An existing cluster; empty to create one.')
param existingName string
param existingResourceGroup string
@description('Name of the cluster that is created where none exists.')
param newName string
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
param appPrincipalId string
@description('The registry that this environment pulls from.')
param registryName string

var create = empty(existingName)
var clusterName = create ? newName : existingName
var clusterGroup = create ? resourceGroup().name : existingResourceGroup

module cluster 'cluster.bicep' = if (create) {
  name: 'cluster-${environmentName}'
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
  name: 'prometheus-${environmentName}'
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
  name: 'access-${environmentName}'
  scope: resourceGroup(clusterGroup)
  params: {
    clusterName: clusterName
    appPrincipalId: appPrincipalId
    namespaces: namespaces
  }
  dependsOn: [
    cluster
  ]
}

module pull 'registry-pull.bicep' = {
  name: 'pull-${environmentName}'
  params: {
    registryName: registryName
    clusterName: clusterName
    clusterResourceGroup: clusterGroup
  }
  dependsOn: [
    cluster
  ]
}

output clusterName string = clusterName
output clusterResourceGroup string = clusterGroup
