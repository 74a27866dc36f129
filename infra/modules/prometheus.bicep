// Managed Prometheus of one cluster: where its metrics go, and the rule that sends them there.
param accountName string
param clusterName string
param location string
param tags object

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' existing = {
  name: clusterName
}

resource account 'Microsoft.Monitor/accounts@2023-04-03' = {
  name: accountName
  location: location
  tags: tags
}

resource rule 'Microsoft.Insights/dataCollectionRules@2022-06-01' = {
  name: 'MSProm-${location}-${clusterName}'
  location: location
  tags: tags
  kind: 'Linux'
  properties: {
    dataCollectionEndpointId: account.properties.defaultIngestionSettings.dataCollectionEndpointResourceId
    dataSources: {
      prometheusForwarder: [
        {
          name: 'PrometheusDataSource'
          streams: ['Microsoft-PrometheusMetrics']
          labelIncludeFilter: {}
        }
      ]
    }
    destinations: {
      monitoringAccounts: [
        {
          name: 'prometheus'
          accountResourceId: account.id
        }
      ]
    }
    dataFlows: [
      {
        streams: ['Microsoft-PrometheusMetrics']
        destinations: ['prometheus']
      }
    ]
  }
}

resource association 'Microsoft.Insights/dataCollectionRuleAssociations@2022-06-01' = {
  name: 'prometheus-${clusterName}'
  scope: cluster
  properties: {
    description: 'Managed Prometheus of the cluster.'
    dataCollectionRuleId: rule.id
  }
}
