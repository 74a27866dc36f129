// Private networking: one network for the app's outbound traffic, the private endpoints and the clusters' nodes, and the
// zones in which the services' names resolve to private addresses.
param name string
param location string
param tags object
param zones array
@description('First two numbers of the addresses; must not overlap with networks to be peered.')
param block string

resource rules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-${name}'
  location: location
  tags: tags
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: ['${block}.0.0/16']
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: '${block}.0.0/24'
          networkSecurityGroup: {
            id: rules.id
          }
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '${block}.1.0/24'
          networkSecurityGroup: {
            id: rules.id
          }
        }
      }
      {
        name: 'staging'
        properties: {
          addressPrefix: '${block}.2.0/24'
        }
      }
      {
        name: 'production'
        properties: {
          addressPrefix: '${block}.3.0/24'
        }
      }
    ]
  }
}

resource dnsZones 'Microsoft.Network/privateDnsZones@2020-06-01' = [
  for zone in zones: {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = [
  for (zone, i) in zones: {
    parent: dnsZones[i]
    name: name
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: network.id
      }
    }
  }
]
