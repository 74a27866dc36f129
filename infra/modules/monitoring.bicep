// Where everything reports to: one workspace, and Application Insights on top of it that takes Entra tokens only.
param workspaceName string
param insightsName string
param location string
param tags object
@description('Who sends telemetry: items of principalId, and of identityId, which is known before anything runs.')
param senders array
@minValue(30)
@maxValue(730)
param retentionDays int

var roles = loadJsonContent('../roles.json')

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
  }
}

resource publishers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for sender in senders: {
    name: guid(insights.id, sender.identityId, roles.monitoringMetricsPublisher)
    scope: insights
    properties: {
      description: 'Slipway: the app sends its telemetry with its identity.'
      principalId: sender.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        roles.monitoringMetricsPublisher
      )
    }
  }
]

output workspaceId string = workspace.id
output insightsName string = insights.name

@description('Names of the rights that are given here.')
output rights array = [for (sender, i) in senders: publishers[i].name]
