// An AKS cluster: Entra sign-in only, Azure RBAC for Kubernetes, workload identity, and Container Insights with the rule
// that makes it collect (the add-on alone ingests nothing when it signs in with Entra).
param name string
param location string
param tags object
param nodeSize string
@minValue(1)
@maxValue(100)
param nodeCount int
@allowed(['Free', 'Standard', 'Premium'])
param tier string
@description('Object ids of the Entra groups that administer the cluster.')
param adminGroups array
@description('Addresses that may reach a public API server, as CIDR; empty for any.')
param authorizedRanges array
@description('Subnet of the nodes; empty for a network of its own. With one, the API server has a private address only.')
param nodeSubnetId string
param workspaceId string
param managedPrometheus bool

var roles = loadJsonContent('../roles.json')
var isPrivate = !empty(nodeSubnetId)
var collected = ['Microsoft-ContainerInsights-Group-Default']

resource cluster 'Microsoft.ContainerService/managedClusters@2024-09-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Base'
    tier: tier
  }
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    dnsPrefix: name
    disableLocalAccounts: true
    enableRBAC: true
    aadProfile: {
      managed: true
      enableAzureRBAC: true
      tenantID: tenant().tenantId
      adminGroupObjectIDs: adminGroups
    }
    oidcIssuerProfile: {
      enabled: true
    }
    securityProfile: {
      workloadIdentity: {
        enabled: true
      }
      imageCleaner: {
        enabled: true
        intervalHours: 48
      }
    }
    apiServerAccessProfile: {
      enablePrivateCluster: isPrivate
      enablePrivateClusterPublicFQDN: isPrivate
      authorizedIPRanges: isPrivate ? [] : authorizedRanges
    }
    autoUpgradeProfile: {
      upgradeChannel: 'stable' // 'patch' stays on its minor version until nobody supports it any more
      nodeOSUpgradeChannel: 'NodeImage'
    }
    networkProfile: {
      networkPlugin: 'azure'
      networkPluginMode: 'overlay'
      networkDataplane: 'cilium'
      networkPolicy: 'cilium'
      loadBalancerSku: 'standard'
      // Ranges inside the cluster; preprovision.py refuses a private network that overlaps with them.
      podCidr: '10.244.0.0/16'
      serviceCidr: '10.0.0.0/16'
      dnsServiceIP: '10.0.0.10'
    }
    agentPoolProfiles: [
      {
        name: 'system'
        mode: 'System'
        count: nodeCount
        vmSize: nodeSize
        osType: 'Linux'
        osSKU: 'AzureLinux'
        maxPods: 110
        type: 'VirtualMachineScaleSets'
        vnetSubnetID: isPrivate ? nodeSubnetId : null
      }
    ]
    addonProfiles: {
      omsagent: {
        enabled: true
        config: {
          logAnalyticsWorkspaceResourceID: workspaceId
          useAADAuth: 'true'
        }
      }
    }
    azureMonitorProfile: {
      metrics: {
        enabled: managedPrometheus
      }
    }
  }
}

// Upgrades come on Sunday nights (UTC), of the cluster and of its nodes' system.
resource quiet 'Microsoft.ContainerService/managedClusters/maintenanceConfigurations@2024-09-01' = [
  for schedule in ['aksManagedAutoUpgradeSchedule', 'aksManagedNodeOSUpgradeSchedule']: {
    parent: cluster
    name: schedule
    properties: {
      maintenanceWindow: {
        schedule: {
          weekly: {
            dayOfWeek: 'Sunday'
            intervalWeeks: 1
          }
        }
        durationHours: 6
        startTime: '01:00'
        utcOffset: '+00:00'
      }
    }
  }
]

resource rule 'Microsoft.Insights/dataCollectionRules@2022-06-01' = {
  name: 'MSCI-${location}-${name}'
  location: location
  tags: tags
  kind: 'Linux'
  properties: {
    dataSources: {
      extensions: [
        {
          name: 'ContainerInsightsExtension'
          extensionName: 'ContainerInsights'
          streams: collected
          extensionSettings: {
            dataCollectionSettings: {
              interval: '1m'
              namespaceFilteringMode: 'Exclude'
              namespaces: ['kube-system', 'gatekeeper-system']
              enableContainerLogV2: true
            }
          }
        }
      ]
    }
    destinations: {
      logAnalytics: [
        {
          name: 'ciworkspace'
          workspaceResourceId: workspaceId
        }
      ]
    }
    dataFlows: [
      {
        streams: collected
        destinations: ['ciworkspace']
      }
    ]
  }
}

resource association 'Microsoft.Insights/dataCollectionRuleAssociations@2022-06-01' = {
  name: 'ContainerInsightsExtension'
  scope: cluster
  properties: {
    description: 'Container Insights of the cluster; without it the add-on collects nothing.'
    dataCollectionRuleId: rule.id
  }
}

resource apiServer 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'changes'
  scope: cluster
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'kube-audit-admin'
        enabled: true
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-01-01' existing = {
  name: isPrivate ? split(nodeSubnetId, '/')[8] : 'none'
}

resource subnet 'Microsoft.Network/virtualNetworks/subnets@2025-01-01' existing = {
  parent: network
  name: isPrivate ? split(nodeSubnetId, '/')[10] : 'none'
}

resource loadBalancers 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (isPrivate) {
  name: guid(nodeSubnetId, cluster.id, roles.networkContributor)
  scope: subnet
  properties: {
    description: 'Slipway: the cluster gives its load balancers addresses in its own subnet.'
    principalId: cluster.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.networkContributor)
  }
}

@description('Names of the rights that are given here.')
output rights array = isPrivate ? [loadBalancers.name] : []
