// Who the nodes of a cluster are. A template of its own, because the cluster may be in a group that is not ours, and may be
// made anew there with another identity.
param clusterName string

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: clusterName
}

output principalId string = cluster.properties.identityProfile.kubeletidentity.objectId
