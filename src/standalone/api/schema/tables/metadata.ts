// Metadata and what every API shares.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const metadataTypes = `
package io.k8s.apimachinery.pkg.apis.meta.v1
OwnerReference atomic: An object that another one belongs to and is collected with.
  apiVersion! 5 string
  kind! 1 string
  name! 3 string
  uid! 4 string
  controller 6 bool
  blockOwnerDeletion 7 bool
ManagedFieldsEntry: Which fields one writer owns.
  manager 1 string
  operation 2 string
  apiVersion 3 string
  time 4 time
  fieldsType 6 string
  fieldsV1 7 any
  subresource 8 string
ObjectMeta: Name, place, labels and life of an object.
  name 1 string: Unique within the namespace and kind.
  generateName 2 string: The start of a name that the server completes.
  namespace 3 string: The space in which the name is unique.
  selfLink 4 string
  uid 5 string
  resourceVersion 6 string: Changes with every write; send it back to refuse lost updates.
  generation 7 int64: Counts changes of the wanted state.
  creationTimestamp 8 time
  deletionTimestamp 9 time
  deletionGracePeriodSeconds 10 int64
  labels 11 {string}: Names and values by which objects are selected.
  annotations 12 {string}: Names and values that tools keep with the object.
  ownerReferences 13 [OwnerReference by uid]: Objects that this one belongs to.
  finalizers 14 [string set merge]: Who has to agree before the object goes.
  managedFields 17 [ManagedFieldsEntry]
LabelSelectorRequirement: One condition on a label.
  key! 1 string
  operator! 2 string (In|NotIn|Exists|DoesNotExist)
  values 3 [string]
LabelSelector atomic: Chooses objects by their labels.
  matchLabels 1 {string}
  matchExpressions 2 [LabelSelectorRequirement]
Condition: One aspect of the state of an object.
  type! 1 string
  status! 2 string
  observedGeneration 3 int64
  lastTransitionTime 4 time
  reason 5 string
  message 6 string
Preconditions: What must be true of the object for the request to be carried out.
  uid 1 string
  resourceVersion 2 string
DeleteOptions: How an object is to be deleted.
  gracePeriodSeconds 1 int64
  preconditions 2 Preconditions
  orphanDependents 3 bool
  propagationPolicy 4 string
  dryRun 5 [string]
`;
