// Namespaces, identities, settings and leases.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const settingsTypes = `
package io.k8s.api.core.v1
ObjectReference atomic: Points to another object.
  kind 1 string
  namespace 2 string
  name 3 string
  uid 4 string
  apiVersion 5 string
  resourceVersion 6 string
  fieldPath 7 string
LocalObjectReference atomic: Names an object in the same namespace.
  name 1 string
kind ConfigMap: Settings for pods, as names and texts.
  metadata 1 ObjectMeta
  immutable 4 bool
  data 2 {string}: Names and texts.
  binaryData 3 {bytes}
kind Secret: Settings that are not for everybody, in base64.
  metadata 1 ObjectMeta
  immutable 5 bool
  data 2 {bytes}: Names and values in base64.
  stringData 4 {string}: Names and texts, which are added to data in base64.
  type 3 string = "Opaque"
kind ServiceAccount: The identity of pods.
  metadata 1 ObjectMeta
  secrets 2 [ObjectReference by name]
  imagePullSecrets 3 [LocalObjectReference]
  automountServiceAccountToken 4 bool
NamespaceSpec: What a namespace waits for before it goes.
  finalizers 1 [string]
NamespaceCondition
  type 1 string
  status 2 string
  lastTransitionTime 4 time
  reason 5 string
  message 6 string
NamespaceStatus: Whether a namespace is being deleted.
  phase 1 string
  conditions 2 [NamespaceCondition by type]
kind Namespace: A space of names; deleting it deletes what is inside.
  metadata 1 ObjectMeta
  spec 2 NamespaceSpec
  status 3 NamespaceStatus
package io.k8s.api.coordination.v1
LeaseSpec: The holder and the times of a Lease.
  holderIdentity 1 string
  leaseDurationSeconds 2 int32
  acquireTime 3 microtime
  renewTime 4 microtime
  leaseTransitions 5 int32
  strategy 6 string
  preferredHolder 7 string
kind Lease: Says who holds something, and until when.
  metadata 1 ObjectMeta
  spec 2 LeaseSpec
`;
