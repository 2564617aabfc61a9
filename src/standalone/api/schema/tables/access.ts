// Who may do what, and who may reach whom: RBAC and network policies. The notation is explained in
// ../definitions.ts.

/** Types, as text. */
export const accessTypes = `
package io.k8s.api.rbac.v1
PolicyRule: Verbs that are allowed on resources, or on paths that are none.
  verbs! 1 [string]
  apiGroups 2 [string]
  resources 3 [string]
  resourceNames 4 [string]
  nonResourceURLs 5 [string]
RoleRef atomic: The role that a binding gives.
  apiGroup! 1 string
  kind! 2 string
  name! 3 string
Subject atomic: A user, a group or a ServiceAccount.
  kind! 1 string
  apiGroup 2 string
  name! 3 string
  namespace 4 string
AggregationRule
  clusterRoleSelectors 1 [LabelSelector]
kind Role: Permissions within a namespace.
  metadata 1 ObjectMeta
  rules 2 [PolicyRule]
kind RoleBinding: Gives the permissions of a role to subjects, within a namespace.
  metadata 1 ObjectMeta
  subjects 2 [Subject]
  roleRef! 3 RoleRef
kind ClusterRole: Permissions that can be given in a namespace or everywhere.
  metadata 1 ObjectMeta
  rules 2 [PolicyRule]
  aggregationRule 3 AggregationRule
kind ClusterRoleBinding: Gives the permissions of a role to subjects, everywhere.
  metadata 1 ObjectMeta
  subjects 2 [Subject]
  roleRef! 3 RoleRef
package io.k8s.api.networking.v1
IPBlock
  cidr! 1 string
  except 2 [string]
NetworkPolicyPort: A port, or a range of them.
  protocol 1 string = "TCP"
  port 2 intstr
  endPort 3 int32
NetworkPolicyPeer: Pods, or addresses.
  podSelector 1 LabelSelector
  namespaceSelector 2 LabelSelector
  ipBlock 3 IPBlock
NetworkPolicyIngressRule
  ports 1 [NetworkPolicyPort]
  from 2 [NetworkPolicyPeer]
NetworkPolicyEgressRule
  ports 1 [NetworkPolicyPort]
  to 2 [NetworkPolicyPeer]
NetworkPolicySpec: Which pods, and what may reach them or be reached by them.
  podSelector 1 LabelSelector
  ingress 2 [NetworkPolicyIngressRule]
  egress 3 [NetworkPolicyEgressRule]
  policyTypes 4 [string]
kind NetworkPolicy: Who may reach which pods; kept here, and never enforced.
  metadata 1 ObjectMeta
  spec 2 NetworkPolicySpec
`;
