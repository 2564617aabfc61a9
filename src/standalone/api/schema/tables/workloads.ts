// Deployments, ReplicaSets and DaemonSets.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const workloadsTypes = `
package io.k8s.api.apps.v1
RollingUpdateDeployment
  maxUnavailable 1 intstr
  maxSurge 2 intstr
DeploymentStrategy: How old pods are replaced by new ones.
  type 1 string (RollingUpdate|Recreate) = "RollingUpdate"
  rollingUpdate 2 RollingUpdateDeployment
DeploymentSpec: The wanted pods of a Deployment.
  replicas 1 int32 = 1: How many pods there should be.
  selector! 2 LabelSelector: Labels by which the pods are known; they must be in the template.
  template! 3 PodTemplateSpec: What the pods are made from.
  strategy 4 DeploymentStrategy = {}: How old pods are replaced.
  minReadySeconds 5 int32
  revisionHistoryLimit 6 int32 = 10
  paused 7 bool
  progressDeadlineSeconds 9 int32 = 600
DeploymentCondition
  type 1 string
  status 2 string
  lastUpdateTime 6 time
  lastTransitionTime 7 time
  reason 4 string
  message 5 string
DeploymentStatus: The present pods of a Deployment.
  observedGeneration 1 int64
  replicas 2 int32
  updatedReplicas 3 int32
  readyReplicas 7 int32
  availableReplicas 4 int32
  unavailableReplicas 5 int32
  terminatingReplicas 9 int32
  conditions 6 [DeploymentCondition by type]
  collisionCount 8 int32
kind Deployment: Keeps a number of equal pods running and rolls out changes.
  metadata 1 ObjectMeta
  spec 2 DeploymentSpec: The wanted pods.
  status 3 DeploymentStatus: The present pods.
ReplicaSetSpec: The wanted pods of a ReplicaSet.
  replicas 1 int32 = 1: How many pods there should be.
  minReadySeconds 4 int32
  selector! 2 LabelSelector
  template 3 PodTemplateSpec
ReplicaSetCondition
  type 1 string
  status 2 string
  lastTransitionTime 3 time
  reason 4 string
  message 5 string
ReplicaSetStatus: The present pods of a ReplicaSet.
  replicas 1 int32
  fullyLabeledReplicas 2 int32
  readyReplicas 4 int32
  availableReplicas 5 int32
  terminatingReplicas 7 int32
  observedGeneration 3 int64
  conditions 6 [ReplicaSetCondition by type]
kind ReplicaSet: Keeps a number of equal pods running.
  metadata 1 ObjectMeta
  spec 2 ReplicaSetSpec
  status 3 ReplicaSetStatus
RollingUpdateDaemonSet
  maxUnavailable 1 intstr
  maxSurge 2 intstr
DaemonSetUpdateStrategy
  type 1 string (RollingUpdate|OnDelete) = "RollingUpdate"
  rollingUpdate 2 RollingUpdateDaemonSet
DaemonSetSpec: The wanted pods of a DaemonSet.
  selector! 1 LabelSelector
  template! 2 PodTemplateSpec: What the pods are made from.
  updateStrategy 3 DaemonSetUpdateStrategy = {}
  minReadySeconds 4 int32
  revisionHistoryLimit 6 int32 = 10
DaemonSetCondition
  type 1 string
  status 2 string
  lastTransitionTime 3 time
  reason 4 string
  message 5 string
DaemonSetStatus: The present pods of a DaemonSet.
  currentNumberScheduled 1 int32
  numberMisscheduled 2 int32
  desiredNumberScheduled 3 int32
  numberReady 4 int32
  observedGeneration 5 int64
  updatedNumberScheduled 6 int32
  numberAvailable 7 int32
  numberUnavailable 8 int32
  collisionCount 9 int32
  conditions 10 [DaemonSetCondition by type]
kind DaemonSet: Keeps one pod running on every node.
  metadata 1 ObjectMeta
  spec 2 DaemonSetSpec
  status 3 DaemonSetStatus
`;
