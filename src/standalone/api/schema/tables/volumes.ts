// Volumes. Those of clouds and clusters are taken as they are: no node here mounts them.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const volumesTypes = `
package io.k8s.api.core.v1
HostPathVolumeSource
  path! 1 string
  type 2 string = ""
EmptyDirVolumeSource
  medium 1 string
  sizeLimit 2 quantity
KeyToPath
  key! 1 string
  path! 2 string
  mode 3 int32
SecretVolumeSource
  secretName 1 string
  items 2 [KeyToPath]
  defaultMode 3 int32 = 420
  optional 4 bool
NFSVolumeSource
  server! 1 string
  path! 2 string
  readOnly 3 bool
PersistentVolumeClaimVolumeSource
  claimName! 1 string
  readOnly 2 bool
ObjectFieldSelector atomic
  apiVersion 1 string = "v1"
  fieldPath! 2 string
ResourceFieldSelector atomic
  containerName 1 string
  resource! 2 string
  divisor 3 quantity
DownwardAPIVolumeFile
  path! 1 string
  fieldRef 2 ObjectFieldSelector
  resourceFieldRef 3 ResourceFieldSelector
  mode 4 int32
DownwardAPIVolumeSource
  items 1 [DownwardAPIVolumeFile]
  defaultMode 2 int32 = 420
ConfigMapVolumeSource
  ...LocalObjectReference 1
  items 2 [KeyToPath]
  defaultMode 3 int32 = 420
  optional 4 bool
SecretProjection
  ...LocalObjectReference 1
  items 2 [KeyToPath]
  optional 4 bool
DownwardAPIProjection
  items 1 [DownwardAPIVolumeFile]
ConfigMapProjection
  ...LocalObjectReference 1
  items 2 [KeyToPath]
  optional 4 bool
ServiceAccountTokenProjection
  audience 1 string
  expirationSeconds 2 int64 = 3600
  path! 3 string
VolumeProjection
  secret 1 SecretProjection
  downwardAPI 2 DownwardAPIProjection
  configMap 3 ConfigMapProjection
  serviceAccountToken 4 ServiceAccountTokenProjection
  clusterTrustBundle 5 any
  podCertificate 6 any
ProjectedVolumeSource
  sources 1 [VolumeProjection]
  defaultMode 2 int32 = 420
CSIVolumeSource
  driver! 1 string
  readOnly 2 bool
  fsType 3 string
  volumeAttributes 4 {string}
  nodePublishSecretRef 5 LocalObjectReference
ImageVolumeSource
  reference 1 string
  pullPolicy 2 string
VolumeSource
  hostPath 1 HostPathVolumeSource
  emptyDir 2 EmptyDirVolumeSource
  gcePersistentDisk 3 any
  awsElasticBlockStore 4 any
  gitRepo 5 any
  secret 6 SecretVolumeSource
  nfs 7 NFSVolumeSource
  iscsi 8 any
  glusterfs 9 any
  persistentVolumeClaim 10 PersistentVolumeClaimVolumeSource
  rbd 11 any
  flexVolume 12 any
  cinder 13 any
  cephfs 14 any
  flocker 15 any
  downwardAPI 16 DownwardAPIVolumeSource
  fc 17 any
  azureFile 18 any
  configMap 19 ConfigMapVolumeSource
  vsphereVolume 20 any
  quobyte 21 any
  azureDisk 22 any
  photonPersistentDisk 23 any
  projected 26 ProjectedVolumeSource
  portworxVolume 24 any
  scaleIO 25 any
  storageos 27 any
  csi 28 CSIVolumeSource
  ephemeral 29 any
  image 30 ImageVolumeSource
Volume: Files that containers of the pod can mount.
  name! 1 string
  ...VolumeSource 2
`;
