// Pods: how they fare.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const podStatusTypes = `
package io.k8s.api.core.v1
PodCondition
  type! 1 string
  observedGeneration 7 int64
  status! 2 string
  lastProbeTime 3 time
  lastTransitionTime 4 time
  reason 5 string
  message 6 string
HostIP
  ip 1 string
PodIP
  ip 1 string
ContainerStateWaiting
  reason 1 string
  message 2 string
ContainerStateRunning
  startedAt 1 time
ContainerStateTerminated
  exitCode 1 int32
  signal 2 int32
  reason 3 string
  message 4 string
  startedAt 5 time
  finishedAt 6 time
  containerID 7 string
ContainerState
  waiting 1 ContainerStateWaiting
  running 2 ContainerStateRunning
  terminated 3 ContainerStateTerminated
ImageVolumeStatus
  imageRef 1 string
VolumeStatus
  image 1 ImageVolumeStatus
VolumeMountStatus
  name 1 string
  mountPath 2 string
  readOnly 3 bool
  recursiveReadOnly 4 string
  volumeStatus 5 VolumeStatus
LinuxContainerUser
  uid 1 int64
  gid 2 int64
  supplementalGroups 3 [int64]
ContainerUser
  linux 1 LinuxContainerUser
ResourceHealth
  resourceID 1 string
  health 2 string
  message 6 string
ResourceStatus
  name 1 string
  resources 2 [ResourceHealth by resourceID]
ContainerStatus: How a container fares.
  name! 1 string
  state 2 ContainerState
  lastState 3 ContainerState
  ready 4 bool
  restartCount 5 int32
  image 6 string
  imageID 7 string
  containerID 8 string
  started 9 bool
  allocatedResources 10 {quantity}
  resources 11 ResourceRequirements
  volumeMounts 12 [VolumeMountStatus by mountPath]
  user 13 ContainerUser
  allocatedResourcesStatus 14 [ResourceStatus by name]
  stopSignal 15 string
PodResourceClaimStatus
  name 1 string
  resourceClaimName 2 string
PodStatus: How a pod fares.
  observedGeneration 17 int64
  phase 1 string (Pending|Running|Succeeded|Failed|Unknown)
  conditions 2 [PodCondition by type]
  message 3 string
  reason 4 string
  nominatedNodeName 11 string
  hostIP 5 string
  hostIPs 16 [HostIP patch ip]
  podIP 6 string
  podIPs 12 [PodIP by ip]
  startTime 7 time
  initContainerStatuses 10 [ContainerStatus]
  containerStatuses 8 [ContainerStatus]
  qosClass 9 string
  ephemeralContainerStatuses 13 [ContainerStatus]
  resize 14 string
  resourceClaimStatuses 15 [PodResourceClaimStatus by name retain]
  allocatedResources 19 {quantity}
  resources 20 ResourceRequirements
kind Pod: One or more processes that share an address.
  metadata 1 ObjectMeta
  spec 2 PodSpec: What the pod should run.
  status 3 PodStatus: What the pod does; written by its node.
`;
