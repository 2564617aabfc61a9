// CustomResourceDefinitions. Schemas within them are taken as they are.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const customResourceDefinitionTypes = `
package io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1
CustomResourceDefinitionNames: How the kind is called.
  plural! 1 string: As in URLs and in kubectl get.
  singular 2 string: As in messages.
  shortNames 3 [string]: Abbreviations for kubectl.
  kind! 4 string: As in the kind field of objects.
  listKind 5 string: As in the kind field of lists.
  categories 6 [string]: Groups of kinds, such as all.
CustomResourceValidation: The form of objects.
  openAPIV3Schema 1 any: A structural OpenAPI v3 schema.
CustomResourceSubresourceScale: Where the replicas are.
  specReplicasPath! 1 string
  statusReplicasPath! 2 string
  labelSelectorPath 3 string
CustomResourceSubresources: Parts of objects with requests of their own.
  status 1 any
  scale 2 CustomResourceSubresourceScale
CustomResourceColumnDefinition: A column of kubectl get.
  name! 1 string
  type! 2 string
  format 3 string
  description 4 string
  priority 5 int32
  jsonPath! 6 string
SelectableField: A field for field selectors.
  jsonPath! 1 string
CustomResourceDefinitionVersion: One version of the kind.
  name! 1 string: Such as v1 or v1beta1.
  served! 2 bool: Whether the version is offered.
  storage! 3 bool: Whether objects are kept in it; true for one version.
  schema 4 CustomResourceValidation: The form of its objects.
  subresources 5 CustomResourceSubresources
  additionalPrinterColumns 6 [CustomResourceColumnDefinition]
  deprecated 7 bool
  deprecationWarning 8 string
  selectableFields 9 [SelectableField]
CustomResourceConversion: How versions are converted; here they differ in name only.
  strategy! 1 string (None|Webhook)
  webhook 2 any
CustomResourceDefinitionSpec: A kind to be served.
  group! 1 string
  names! 3 CustomResourceDefinitionNames
  scope! 4 string (Cluster|Namespaced)
  versions! 7 [CustomResourceDefinitionVersion]
  conversion 9 CustomResourceConversion
  preserveUnknownFields 10 bool
CustomResourceDefinitionCondition
  type! 1 string
  status! 2 string
  lastTransitionTime 3 time
  reason 4 string
  message 5 string
  observedGeneration 6 int64
CustomResourceDefinitionStatus: Whether the kind is served.
  conditions 1 [CustomResourceDefinitionCondition by type]
  acceptedNames 2 CustomResourceDefinitionNames
  storedVersions 3 [string]
  observedGeneration 4 int64
kind CustomResourceDefinition: Adds a kind to the API.
  metadata 1 ObjectMeta
  spec! 2 CustomResourceDefinitionSpec
  status 3 CustomResourceDefinitionStatus
`;
