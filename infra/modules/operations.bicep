// What operators are told and shown: alerts, and a workbook. A test compares the words of the queries, in infra/alerts.json
// and infra/workbook.json, with those that the code logs.
param name string
param location string
param tags object
@description('Who is told by mail; empty for nobody (the alerts still fire).')
param alertEmail string
param workspaceId string
param serviceBusId string
param systemTopicId string
param insightsId string
@description('What an availability test asks, from outside.')
param healthUrl string
@description('Principals of the two roles, the only ones that write into the ledger\'s storage.')
param frontPrincipalId string
param workerPrincipalId string

var queries = loadJsonContent('../alerts.json')
var metrics = loadJsonContent('../event-alerts.json')

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'slipway'
    enabled: true
    emailReceivers: empty(alertEmail)
      ? []
      : [
          {
            name: 'operators'
            emailAddress: alertEmail
            useCommonAlertSchema: true
          }
        ]
  }
}

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = [
  for query in queries: {
    name: '${name}-${query.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: query.title
      description: query.description
      severity: query.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: query.every
      windowSize: query.window
      skipQueryValidation: true
      // A state is told once, and once more when it is over; an event is told each time.
      autoMitigate: query.stateful
      criteria: {
        allOf: [
          {
            query: replace(replace(query.query, '{front}', frontPrincipalId), '{worker}', workerPrincipalId)
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [people.id]
      }
    }
  }
]

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${name}-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    description: 'A queue gave up on a message, and the worker has not parked it yet. Look at the parked input (`slipway parked`).'
    severity: 2
    enabled: true
    scopes: [serviceBusId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead letters'
          metricName: 'DeadletteredMessages'
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          threshold: 0
          dimensions: [
            {
              name: 'EntityName'
              operator: 'Include'
              values: ['*']
            }
          ]
        }
      ]
    }
    actions: [
      {
        actionGroupId: people.id
      }
    ]
  }
}

resource lostEvents 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for metric in metrics: {
    name: '${name}-${metric.name}'
    location: 'global'
    tags: tags
    properties: {
      description: metric.description
      severity: metric.severity
      enabled: true
      scopes: [systemTopicId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: metric.name
            metricName: metric.metric
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: metric.threshold
          }
        ]
      }
      actions: [
        {
          actionGroupId: people.id
        }
      ]
    }
  }
]

// Asked from outside, so it is told also when the app's own telemetry is what is broken.
resource health 'Microsoft.Insights/webtests@2022-06-15' = {
  name: '${name}-health'
  location: location
  tags: union(tags, {
    'hidden-link:${insightsId}': 'Resource'
  })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: '${name}-health'
    Name: 'Slipway is healthy'
    Kind: 'standard'
    Enabled: true
    Frequency: 900
    Timeout: 120
    RetryEnabled: true
    Locations: [
      { Id: 'emea-nl-ams-azr' }
      { Id: 'emea-gb-db3-azr' }
      { Id: 'us-va-ash-azr' }
    ]
    Request: {
      RequestUrl: healthUrl
      HttpVerb: 'GET'
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 7
    }
  }
}

resource notHealthy 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${name}-not-healthy'
  location: 'global'
  tags: tags
  properties: {
    description: 'The front does not answer `/api/health` with 200, seen from two places: it is down, did not start, or does not reach its ledger. `slipway doctor` says more, if it answers at all.'
    severity: 1
    enabled: true
    scopes: [health.id, insightsId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: health.id
      componentId: insightsId
      failedLocationCount: 2
    }
    actions: [
      {
        actionGroupId: people.id
      }
    ]
  }
}

resource workbook 'Microsoft.Insights/workbooks@2022-04-01' = {
  name: guid(workspaceId, name)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Slipway'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: loadTextContent('../workbook.json')
    version: '1.0'
  }
}
