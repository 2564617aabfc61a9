// Pods: what they run.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const podsTypes = `
package io.k8s.api.core.v1
Sysctl
  name! 1 string
  value! 2 string
PodSecurityContext: Privileges of all containers of a pod.
  seLinuxOptions 1 SELinuxOptions
  windowsOptions 8 any
  runAsUser 2 int64
  runAsGroup 6 int64
  runAsNonRoot 3 bool
  supplementalGroups 4 [int64]
  supplementalGroupsPolicy 12 string
  fsGroup 5 int64
  sysctls 7 [Sysctl]
  fsGroupChangePolicy 9 string
  seccompProfile 10 SeccompProfile
  appArmorProfile 11 AppArmorProfile
  seLinuxChangePolicy 13 string
Affinity
  nodeAffinity 1 any
  podAffinity 2 any
  podAntiAffinity 3 any
Toleration: Lets a pod run in spite of a taint.
  key 1 string
  operator 2 string
  value 3 string
  effect 4 string
  tolerationSeconds 5 int64
HostAlias
  ip! 1 string
  hostnames 2 [string]
PodDNSConfigOption
  name 1 string
  value 2 string
PodDNSConfig
  nameservers 1 [string]
  searches 2 [string]
  options 3 [PodDNSConfigOption]
PodReadinessGate
  conditionType! 1 string
TopologySpreadConstraint
  maxSkew! 1 int32
  topologyKey! 2 string
  whenUnsatisfiable! 3 string
  labelSelector 4 LabelSelector
  minDomains 5 int32
  nodeAffinityPolicy 6 string
  nodeTaintsPolicy 7 string
  matchLabelKeys 8 [string]
PodOS
  name 1 string
PodSchedulingGate
  name 1 string
PodResourceClaim
  name 1 string
  resourceClaimName 3 string
  resourceClaimTemplateName 4 string
PodSpec: What a pod runs, and how.
  volumes 1 [Volume by name retain]: Files that containers can mount.
  initContainers 20 [Container by name]: Processes that run to their end first.
  containers! 2 [Container by name]: The processes of the pod.
  ephemeralContainers 34 [EphemeralContainer by name]
  restartPolicy 3 string (Always|OnFailure|Never) = "Always": Whether ended containers are started again.
  terminationGracePeriodSeconds 4 int64 = 30: How long the pod may take to end.
  activeDeadlineSeconds 5 int64
  dnsPolicy 6 string (ClusterFirst|ClusterFirstWithHostNet|Default|None) = "ClusterFirst"
  nodeSelector 7 {string} atomic: Labels that the node must have.
  serviceAccountName 8 string: The identity of the pod.
  serviceAccount 9 string
  automountServiceAccountToken 21 bool
  nodeName 10 string: The node that runs the pod.
  hostNetwork 11 bool: Use the network namespace of the node.
  hostPID 12 bool
  hostIPC 13 bool
  shareProcessNamespace 27 bool
  securityContext 14 PodSecurityContext = {}
  imagePullSecrets 15 [LocalObjectReference by name]
  hostname 16 string
  subdomain 17 string
  affinity 18 Affinity
  schedulerName 19 string = "default-scheduler"
  tolerations 22 [Toleration]
  hostAliases 23 [HostAlias by ip]
  priorityClassName 24 string
  priority 25 int32
  dnsConfig 26 PodDNSConfig
  readinessGates 28 [PodReadinessGate]
  runtimeClassName 29 string
  enableServiceLinks 30 bool
  preemptionPolicy 31 string
  overhead 32 {quantity}
  topologySpreadConstraints 33 [TopologySpreadConstraint by topologyKey,whenUnsatisfiable patch topologyKey]
  setHostnameAsFQDN 35 bool
  os 36 PodOS
  hostUsers 37 bool
  schedulingGates 38 [PodSchedulingGate by name]
  resourceClaims 39 [PodResourceClaim by name retain]
  resources 40 ResourceRequirements
PodTemplateSpec: What new pods are made from.
  metadata 1 ObjectMeta
  spec 2 PodSpec
`;
