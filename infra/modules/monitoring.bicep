// Where everything reports to: one workspace, and Application Insights on top of it that takes Entra tokens only.
param workspaceName string
param insightsName string
param location string
param tags object
param appPrincipalId string
@description('Resource id of the same identity: known before anything runs, so names made of it are too.')
param appIdentityId string
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

resource publisher 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, appIdentityId, roles.monitoringMetricsPublisher)
  scope: insights
  properties: {
    description: 'Slipway: the app sends its telemetry with its identity.'
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles.monitoringMetricsPublisher
    )
  }
}

output workspaceId string = workspace.id
output insightsName string = insights.name

@description('Names of the rights that are given here.')
output rights array = [publisher.name]
