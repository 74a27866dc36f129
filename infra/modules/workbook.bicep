// The operators' page in Azure Monitor.
param name string
param location string
param tags object
param workspaceId string

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
