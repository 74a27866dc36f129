// Private networking: one network for the apps' outbound traffic, the private endpoints and the clusters' nodes, and the
// zones in which the services' names resolve to private addresses.
param name string
param location string
param tags object
param zones array
@description('First two numbers of the addresses; must not overlap with networks to be peered.')
param block string
@description('Ids of further networks from which the services are reached: those of existing clusters, of agents, of people.')
param linkedNetworks array

var addresses = cidrSubnet('${block}.0.0/16', 16, 0)
// Subnets are resources of their own: a network that lists its subnets takes away those that others have put into it.
// Their order is their addresses, which cannot change: a new one goes to the end.
var flex = [
  {
    name: 'flex-consumption'
    properties: {
      serviceName: 'Microsoft.App/environments'
    }
  }
]
var subnets = [
  { name: 'front', filtered: true, delegations: flex }
  { name: 'endpoints', filtered: true, delegations: [] }
  { name: 'staging', filtered: false, delegations: [] }
  { name: 'production', filtered: false, delegations: [] }
  { name: 'worker', filtered: true, delegations: flex }
]

resource rules 'Microsoft.Network/networkSecurityGroups@2025-01-01' = {
  name: 'nsg-${name}'
  location: location
  tags: tags
}

resource network 'Microsoft.Network/virtualNetworks@2025-01-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addresses]
    }
  }
}

@batchSize(1) // a network takes one change at a time
resource parts 'Microsoft.Network/virtualNetworks/subnets@2025-01-01' = [
  for (subnet, i) in subnets: {
    parent: network
    name: subnet.name
    properties: {
      addressPrefix: cidrSubnet(addresses, 24, i)
      networkSecurityGroup: subnet.filtered
        ? {
            id: rules.id
          }
        : null
      delegations: subnet.delegations
    }
  }
]

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

resource furtherLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = [
  for i in range(0, length(zones) * length(linkedNetworks)): {
    parent: dnsZones[i % length(zones)]
    name: 'linked-${uniqueString(linkedNetworks[i / length(zones)])}'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: linkedNetworks[i / length(zones)]
      }
    }
  }
]
