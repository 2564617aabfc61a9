// Nodes.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const nodesTypes = `
package io.k8s.api.core.v1
Taint: Keeps pods away that do not tolerate it.
  key! 1 string
  value 2 string
  effect! 3 string (NoSchedule|PreferNoSchedule|NoExecute)
  timeAdded 4 time
NodeSpec: Properties of a node.
  podCIDR 1 string
  podCIDRs 7 [string set merge]
  providerID 3 string
  unschedulable 4 bool
  taints 5 [Taint]
  configSource 6 any
  externalID 2 string
NodeCondition
  type! 1 string
  status! 2 string
  lastHeartbeatTime 3 time
  lastTransitionTime 4 time
  reason 5 string
  message 6 string
NodeAddress
  type! 1 string
  address! 2 string
DaemonEndpoint
  Port 1 int32
NodeDaemonEndpoints
  kubeletEndpoint 1 DaemonEndpoint
NodeSystemInfo
  machineID 1 string
  systemUUID 2 string
  bootID 3 string
  kernelVersion 4 string
  osImage 5 string
  containerRuntimeVersion 6 string
  kubeletVersion 7 string
  kubeProxyVersion 8 string
  operatingSystem 9 string
  architecture 10 string
ContainerImage
  names 1 [string]
  sizeBytes 2 int64
NodeRuntimeHandlerFeatures
  recursiveReadOnlyMounts 1 bool
  userNamespaces 2 bool
NodeRuntimeHandler
  name 1 string
  features 2 NodeRuntimeHandlerFeatures
NodeFeatures
  supplementalGroupsPolicy 1 bool
NodeStatus: How a node fares.
  capacity 1 {quantity}
  allocatable 2 {quantity}
  phase 3 string
  conditions 4 [NodeCondition by type]
  addresses 5 [NodeAddress]
  daemonEndpoints 6 NodeDaemonEndpoints
  nodeInfo 7 NodeSystemInfo
  images 8 [ContainerImage]
  volumesInUse 9 [string]
  volumesAttached 10 [any]
  config 11 any
  runtimeHandlers 12 [NodeRuntimeHandler]
  features 13 NodeFeatures
kind Node: A machine (here a network namespace) that runs pods.
  metadata 1 ObjectMeta
  spec 2 NodeSpec
  status 3 NodeStatus
`;
