// Services and the addresses behind them.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const servicesTypes = `
package io.k8s.api.core.v1
ServicePort: A port of a Service.
  name 1 string: Needed when there are several ports.
  protocol 2 string (TCP|UDP|SCTP) = "TCP"
  appProtocol 6 string: The application protocol, such as http or grpc.
  port! 3 int32: The port that clients use.
  targetPort 4 intstr: Number or name of the port of the pods; the same port when absent.
  nodePort 5 int32
ClientIPConfig
  timeoutSeconds 1 int32
SessionAffinityConfig
  clientIP 1 ClientIPConfig
ServiceSpec: Which pods a Service leads to, by which ports and addresses.
  ports 1 [ServicePort by port,protocol patch port]: The ports of the Service.
  selector 2 {string} atomic: Labels of the pods behind the Service.
  clusterIP 3 string: The virtual address; None for a headless Service.
  clusterIPs 18 [string]
  type 4 string (ClusterIP|NodePort|LoadBalancer|ExternalName) = "ClusterIP": How the Service is reached.
  externalIPs 5 [string]
  sessionAffinity 7 string (None|ClientIP) = "None"
  loadBalancerIP 8 string
  loadBalancerSourceRanges 9 [string]
  externalName 10 string
  externalTrafficPolicy 11 string (Cluster|Local)
  healthCheckNodePort 12 int32
  publishNotReadyAddresses 13 bool
  sessionAffinityConfig 14 SessionAffinityConfig
  ipFamilies 19 [string]
  ipFamilyPolicy 17 string (SingleStack|PreferDualStack|RequireDualStack)
  allocateLoadBalancerNodePorts 20 bool
  loadBalancerClass 21 string
  internalTrafficPolicy 22 string (Cluster|Local) = "Cluster"
  trafficDistribution 23 string
PortStatus
  port 1 int32
  protocol 2 string
  error 3 string
LoadBalancerIngress
  ip 1 string
  hostname 2 string
  ipMode 3 string
  ports 4 [PortStatus]
LoadBalancerStatus
  ingress 1 [LoadBalancerIngress]
ServiceStatus: The state of a Service.
  loadBalancer 1 LoadBalancerStatus
  conditions 2 [Condition by type]
kind Service: A name and virtual addresses for a set of pods.
  metadata 1 ObjectMeta
  spec 2 ServiceSpec: What the Service leads to.
  status 3 ServiceStatus
EndpointAddress atomic
  ip 1 string
  hostname 3 string
  nodeName 4 string
  targetRef 2 ObjectReference
EndpointPort atomic
  name 1 string
  port 2 int32
  protocol 3 string
  appProtocol 4 string
EndpointSubset
  addresses 1 [EndpointAddress]
  notReadyAddresses 2 [EndpointAddress]
  ports 3 [EndpointPort]
kind Endpoints: Addresses behind a Service, in their old form.
  metadata 1 ObjectMeta
  subsets 2 [EndpointSubset]
package io.k8s.api.discovery.v1
EndpointConditions: Whether a backend takes traffic.
  ready 1 bool
  serving 2 bool
  terminating 3 bool
ForZone
  name 1 string
EndpointHints
  forZones 1 [ForZone]
Endpoint: One backend: its addresses, readiness and place.
  addresses! 1 [string set]
  conditions 2 EndpointConditions
  hostname 3 string
  targetRef 4 ObjectReference
  deprecatedTopology 5 {string}
  nodeName 6 string
  zone 7 string
  hints 8 EndpointHints
SlicePort as EndpointPort atomic
  name 1 string
  protocol 2 string
  port 3 int32
  appProtocol 4 string
kind EndpointSlice: Some of the addresses behind a Service.
  metadata 1 ObjectMeta
  addressType! 4 string (IPv4|IPv6|FQDN)
  endpoints 2 [Endpoint]
  ports 3 [SlicePort]
`;
