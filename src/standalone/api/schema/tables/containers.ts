// Containers: program, environment, ports, probes and privileges.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const containersTypes = `
package io.k8s.api.core.v1
ContainerPort
  name 1 string
  hostPort 2 int32
  containerPort! 3 int32
  protocol 4 string (TCP|UDP|SCTP) = "TCP"
  hostIP 5 string
ConfigMapEnvSource
  ...LocalObjectReference 1
  optional 2 bool
SecretEnvSource
  ...LocalObjectReference 1
  optional 2 bool
EnvFromSource
  prefix 1 string
  configMapRef 2 ConfigMapEnvSource
  secretRef 3 SecretEnvSource
ConfigMapKeySelector atomic
  ...LocalObjectReference 1
  key! 2 string
  optional 3 bool
SecretKeySelector atomic
  ...LocalObjectReference 1
  key! 2 string
  optional 3 bool
EnvVarSource: Where the value of an environment variable comes from.
  fieldRef 1 ObjectFieldSelector
  resourceFieldRef 2 ResourceFieldSelector
  configMapKeyRef 3 ConfigMapKeySelector
  secretKeyRef 4 SecretKeySelector
  fileKeyRef 5 any
EnvVar: An environment variable.
  name! 1 string
  value 2 string
  valueFrom 3 EnvVarSource
ResourceClaim
  name 1 string
  request 2 string
ResourceRequirements: What a container needs and may use.
  limits 1 {quantity}
  requests 2 {quantity}
  claims 3 [ResourceClaim by name]
ContainerResizePolicy
  resourceName 1 string
  restartPolicy 2 string
VolumeMount: Where a container sees a volume.
  name! 1 string
  readOnly 2 bool
  recursiveReadOnly 7 string
  mountPath! 3 string
  subPath 4 string
  mountPropagation 5 string
  subPathExpr 6 string
VolumeDevice
  name! 1 string
  devicePath! 2 string
ExecAction
  command 1 [string]
HTTPHeader
  name! 1 string
  value! 2 string
HTTPGetAction
  path 1 string = "/"
  port! 2 intstr
  host 3 string
  scheme 4 string (HTTP|HTTPS) = "HTTP"
  httpHeaders 5 [HTTPHeader]
TCPSocketAction
  port! 1 intstr
  host 2 string
GRPCAction
  port! 1 int32
  service 2 string
ProbeHandler
  exec 1 ExecAction
  httpGet 2 HTTPGetAction
  tcpSocket 3 TCPSocketAction
  grpc 4 GRPCAction
Probe: How the health of a container is asked.
  ...ProbeHandler 1
  initialDelaySeconds 2 int32
  timeoutSeconds 3 int32 = 1
  periodSeconds 4 int32 = 10
  successThreshold 5 int32 = 1
  failureThreshold 6 int32 = 3
  terminationGracePeriodSeconds 7 int64
SleepAction
  seconds! 1 int64
LifecycleHandler
  exec 1 ExecAction
  httpGet 2 HTTPGetAction
  tcpSocket 3 TCPSocketAction
  sleep 4 SleepAction
Lifecycle
  postStart 1 LifecycleHandler
  preStop 2 LifecycleHandler
  stopSignal 3 string
Capabilities
  add 1 [string]
  drop 2 [string]
SELinuxOptions
  user 1 string
  role 2 string
  type 3 string
  level 4 string
SeccompProfile
  type 1 string
  localhostProfile 2 string
AppArmorProfile
  type 1 string
  localhostProfile 2 string
SecurityContext: Privileges of a container.
  capabilities 1 Capabilities
  privileged 2 bool
  seLinuxOptions 3 SELinuxOptions
  windowsOptions 10 any
  runAsUser 4 int64
  runAsGroup 8 int64
  runAsNonRoot 5 bool
  readOnlyRootFilesystem 6 bool
  allowPrivilegeEscalation 7 bool
  procMount 9 string
  seccompProfile 11 SeccompProfile
  appArmorProfile 12 AppArmorProfile
Container: One process of a pod.
  name! 1 string: Unique within the pod.
  image 2 string: The program; laptop mode maps image names to local programs.
  command 3 [string]: The program and its first arguments, instead of those of the image.
  args 4 [string]: Arguments of the program.
  workingDir 5 string: The directory in which the program starts.
  ports 6 [ContainerPort by containerPort,protocol patch containerPort]: Ports that the container serves.
  envFrom 19 [EnvFromSource]
  env 7 [EnvVar by name]: Environment variables.
  resources 8 ResourceRequirements = {}
  resizePolicy 23 [ContainerResizePolicy]
  restartPolicy 24 string
  volumeMounts 9 [VolumeMount by mountPath]: Volumes and where they are seen.
  volumeDevices 21 [VolumeDevice by devicePath]
  livenessProbe 10 Probe: Decides whether the container is started again.
  readinessProbe 11 Probe: Decides whether the pod takes traffic.
  startupProbe 22 Probe
  lifecycle 12 Lifecycle
  terminationMessagePath 13 string = "/dev/termination-log"
  terminationMessagePolicy 20 string = "File"
  imagePullPolicy 14 string (Always|IfNotPresent|Never)
  securityContext 15 SecurityContext
  stdin 16 bool
  stdinOnce 17 bool
  tty 18 bool
EphemeralContainer
  ...Container 1
  targetContainerName 2 string
`;
