// Kinds that controllers of a cluster watch or write and that nothing here acts on: ingresses, webhooks,
// disruption budgets and autoscalers. The notation is explained in ../definitions.ts.

/** Types, as text. */
export const surroundingsTypes = `
package io.k8s.api.networking.v1
ServiceBackendPort atomic: A port of a service, by name or number.
  name 1 string
  number 2 int32
IngressServiceBackend: A service and its port.
  name! 1 string
  port 2 ServiceBackendPort
TypedReference as TypedLocalObjectReference atomic: An object of any kind in the same namespace.
  apiGroup 1 string
  kind! 2 string
  name! 3 string
IngressBackend: Where requests go.
  service 4 IngressServiceBackend
  resource 3 TypedReference
HTTPIngressPath
  path 1 string
  pathType! 3 string
  backend! 2 IngressBackend
HTTPIngressRuleValue
  paths! 1 [HTTPIngressPath]
IngressRuleValue
  http 1 HTTPIngressRuleValue
IngressRule: The paths of one host.
  host 1 string
  ...IngressRuleValue 2
IngressTLS
  hosts 1 [string]
  secretName 2 string
IngressSpec: Hosts and paths, and where each leads.
  ingressClassName 4 string
  defaultBackend 1 IngressBackend
  tls 2 [IngressTLS]
  rules 3 [IngressRule]
IngressPortStatus
  port! 1 int32
  protocol! 2 string
  error 3 string
IngressLoadBalancerIngress
  ip 1 string
  hostname 2 string
  ports 4 [IngressPortStatus]
IngressLoadBalancerStatus
  ingress 1 [IngressLoadBalancerIngress]
IngressStatus
  loadBalancer 1 IngressLoadBalancerStatus
kind Ingress: Leads requests from outside to services; kept here for controllers to read.
  metadata 1 ObjectMeta
  spec 2 IngressSpec
  status 3 IngressStatus
IngressClassParametersReference
  apiGroup 1 string
  kind! 2 string
  name! 3 string
  scope 4 string
  namespace 5 string
IngressClassSpec
  controller 1 string
  parameters 2 IngressClassParametersReference
kind IngressClass: Says which controller serves an Ingress.
  metadata 1 ObjectMeta
  spec 2 IngressClassSpec
package io.k8s.api.admissionregistration.v1
ServiceReference
  namespace! 1 string
  name! 2 string
  path 3 string
  port 4 int32
WebhookClientConfig: Who is asked.
  url 3 string
  service 1 ServiceReference
  caBundle 2 bytes
Rule
  apiGroups 1 [string]
  apiVersions 2 [string]
  resources 3 [string]
  scope 4 string
RuleWithOperations: Which requests a webhook wants to see.
  operations 1 [string]
  ...Rule 2
MatchCondition
  name! 1 string
  expression! 2 string
MutatingWebhook: Asked before an object is stored; may change it.
  name! 1 string
  clientConfig! 2 WebhookClientConfig
  rules 3 [RuleWithOperations]
  failurePolicy 4 string = "Fail"
  matchPolicy 9 string = "Equivalent"
  namespaceSelector 5 LabelSelector
  objectSelector 11 LabelSelector
  sideEffects! 6 string
  timeoutSeconds 7 int32 = 10
  admissionReviewVersions! 8 [string]
  reinvocationPolicy 10 string = "Never"
  matchConditions 12 [MatchCondition by name]
kind MutatingWebhookConfiguration: Webhooks that may change objects; kept here, and never called.
  metadata 1 ObjectMeta
  webhooks 2 [MutatingWebhook by name]
ValidatingWebhook: Asked before an object is stored; may refuse it.
  name! 1 string
  clientConfig! 2 WebhookClientConfig
  rules 3 [RuleWithOperations]
  failurePolicy 4 string (Fail|Ignore) = "Fail"
  matchPolicy 9 string (Exact|Equivalent) = "Equivalent"
  namespaceSelector 5 LabelSelector
  objectSelector 10 LabelSelector
  sideEffects! 6 string (None|NoneOnDryRun)
  timeoutSeconds 7 int32 = 10
  admissionReviewVersions! 8 [string]
  matchConditions 11 [MatchCondition by name]
kind ValidatingWebhookConfiguration: Webhooks that may refuse objects.
  metadata 1 ObjectMeta
  webhooks 2 [ValidatingWebhook by name]
package io.k8s.api.policy.v1
PodDisruptionBudgetSpec
  minAvailable 1 intstr
  selector 2 LabelSelector
  maxUnavailable 3 intstr
  unhealthyPodEvictionPolicy 4 string
PodDisruptionBudgetStatus
  observedGeneration 1 int64
  disruptedPods 2 {time}
  disruptionsAllowed 3 int32
  currentHealthy 4 int32
  desiredHealthy 5 int32
  expectedPods 6 int32
  conditions 7 [Condition by type]
kind PodDisruptionBudget: How many pods may be missing; kept here, since nothing is evicted.
  metadata 1 ObjectMeta
  spec 2 PodDisruptionBudgetSpec
  status 3 PodDisruptionBudgetStatus
package io.k8s.api.autoscaling.v2
CrossVersionObjectReference
  kind! 1 string
  name! 2 string
  apiVersion 3 string
HorizontalPodAutoscalerSpec
  scaleTargetRef! 1 CrossVersionObjectReference
  minReplicas 2 int32
  maxReplicas! 3 int32
  metrics 4 [any]
  behavior 5 any
HorizontalPodAutoscalerStatus
  observedGeneration 1 int64
  lastScaleTime 2 time
  currentReplicas 3 int32
  desiredReplicas 4 int32
  currentMetrics 5 [any]
kind HorizontalPodAutoscaler: The wanted number of pods by load; kept here, and never acted on.
  metadata 1 ObjectMeta
  spec 2 HorizontalPodAutoscalerSpec
  status 3 HorizontalPodAutoscalerStatus
`;
