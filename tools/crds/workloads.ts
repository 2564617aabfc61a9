// ServiceEntry, WorkloadEntry, WorkloadGroup, Gateway, Sidecar, EnvoyFilter and ProxyConfig, in the notation of
// notation.ts.

/** Types, as text. */
export const workloadTypes = `
ServicePort: A port of the service.
  number! uint32<1..65535>: Where clients connect to.
  name! string<1..256>: Its name, unlike those of the others.
  protocol string<..256>: HTTP, HTTP2, GRPC, HTTPS, TLS or TCP; found out by its name otherwise.
  targetPort uint32<..65535>: Where endpoints listen; the same by default.
ServiceEntry: A service that Kubernetes does not know.
  hosts! [string<1..>]<1..256>: Its names; *.SUFFIX stands for many.
  addresses [string<..64>]<..256>: Addresses, or networks where resolution is NONE or STATIC; given by the controller otherwise.
  ports [ServicePort]<..256> by name: Its ports.
  location string (MESH_EXTERNAL|MESH_INTERNAL): Whether its endpoints are members of the mesh; external by default.
  resolution string (NONE|STATIC|DNS|DNS_ROUND_ROBIN|DYNAMIC_DNS): How endpoints are found; NONE by default, which is where the client wanted to go.
  endpoints [Endpoint]<..4096>: Where it is.
  workloadSelector WorkloadSelector: WorkloadEntries and pods of its namespace that are its endpoints.
  exportTo [string]: Kept; in ambient mode the mesh configuration tells who sees it.
  subjectAltNames [string]: Identities that its endpoints may prove.
  rule self.hosts.all(host, host != '*') => a host cannot be *
  rule !(has(self.endpoints) && has(self.workloadSelector)) => only one of endpoints and workloadSelector can be set
  rule !has(self.addresses) || !has(self.resolution) || self.resolution in ['NONE', 'STATIC'] || self.addresses.all(address, !address.contains('/')) => networks are only possible with resolution NONE or STATIC
  rule !has(self.endpoints) || size(self.endpoints) == 0 || (has(self.resolution) && self.resolution in ['STATIC', 'DNS', 'DNS_ROUND_ROBIN']) => endpoints need resolution STATIC, DNS or DNS_ROUND_ROBIN
  rule !has(self.endpoints) || !has(self.resolution) || self.resolution != 'DNS_ROUND_ROBIN' || size(self.endpoints) < 2 => DNS_ROUND_ROBIN has at most one endpoint
HostAddress: An address that the controller gave to a host.
  value string: The address.
  host string: The host.
GroupMeta: What every workload of the group gets.
  labels {string<..63>}<..256>: Labels.
  annotations {string}: Annotations.
HttpHeader: A header of a probe.
  name! string<1..>: Its name.
  value string: Its value.
HttpGet: A request that is to be answered.
  path string: The path.
  port! uint32<1..65535>: The port.
  host string: The host; that of the workload by default.
  scheme string: HTTP or HTTPS.
  httpHeaders [HttpHeader]: Headers.
TcpSocket: A port that is to accept connections.
  host string: The host; that of the workload by default.
  port! uint32<1..65535>: The port.
Exec: A command that is to succeed.
  command [string]: The program and its arguments.
GrpcProbe: A health service of gRPC.
  port uint32<1..65535>: The port.
  service string: The name of the service.
Probe: How it is found out whether a workload is well.
  initialDelaySeconds int32<0..>: Before the first probe; 0 by default.
  timeoutSeconds int32<0..>: How long an answer may take; 1 by default.
  periodSeconds int32<0..>: Between probes; 10 by default.
  successThreshold int32<0..>: Successes until it is well; 1 by default.
  failureThreshold int32<0..>: Failures until it is not; 3 by default.
  httpGet HttpGet
  tcpSocket TcpSocket
  exec Exec
  grpc GrpcProbe
  atmostone httpGet tcpSocket exec grpc
GroupTemplate of Endpoint: What each workload of the group is like; its address comes with it.
WorkloadGroup: Workloads that register themselves. Kept; only agents of sidecars register.
  metadata GroupMeta
  template! GroupTemplate
  probe Probe
GatewayPort: The port of a listener.
  number! uint32: The port.
  name! string: Its name, unlike those of the others.
  protocol! string: HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TCP, TLS or MONGO.
  targetPort uint32: Without effect.
Server: A listener.
  port! GatewayPort
  bind string: The address to listen on.
  hosts! [string]: Hosts that it serves, as NAMESPACE/NAME or NAME.
  tls ServerTls
  defaultEndpoint string: Not supported.
  name string: Its name, unlike those of the others.
IngressGateway: Listeners of ingress gateways. Kept; nothing acts on it, use the Gateway API.
  selector {string}: Labels of the pods of the gateway.
  servers [Server]: Its listeners.
SidecarPort: The port of a listener.
  number uint32: The port.
  name string: Its name.
  protocol string: Its protocol.
  targetPort uint32: Without effect.
IngressListener: What reaches the workload.
  port! SidecarPort
  bind string: The address to listen on.
  captureMode string (DEFAULT|IPTABLES|NONE): How connections get here.
  defaultEndpoint string: Where they go on to.
  tls ServerTls
  connectionPool ConnectionPool
EgressListener: What the workload reaches.
  port SidecarPort
  bind string: The address to listen on.
  captureMode string (DEFAULT|IPTABLES|NONE): How connections get here.
  hosts! [string]: Hosts as NAMESPACE/NAME.
OutboundTrafficPolicy: What becomes of connections to places that are not registered.
  mode string (REGISTRY_ONLY|ALLOW_ANY): Refused, or passed on.
  egressProxy Destination
Sidecar: What sidecars know. Kept; there are no sidecars in ambient mode.
  workloadSelector WorkloadSelector
  ingress [IngressListener]<..1024>: Listeners for what comes in.
  egress [EgressListener]<..1024>: Listeners for what goes out.
  inboundConnectionPool ConnectionPool
  outboundTrafficPolicy OutboundTrafficPolicy
EnvoyPatch: A change.
  operation string (INVALID|MERGE|ADD|REMOVE|INSERT_BEFORE|INSERT_AFTER|INSERT_FIRST|REPLACE|MERGE_AND_REPLACE_LIST): What is done.
  value any: Configuration of Envoy.
  filterClass string (UNSPECIFIED|AUTHN|AUTHZ|STATS): Where a filter stands.
ConfigPatch: A change of a part of the configuration.
  applyTo string (INVALID|LISTENER|FILTER_CHAIN|NETWORK_FILTER|HTTP_FILTER|ROUTE_CONFIGURATION|VIRTUAL_HOST|HTTP_ROUTE|CLUSTER|EXTENSION_CONFIG|BOOTSTRAP|LISTENER_FILTER): The part.
  match any: Which of them.
  patch EnvoyPatch
EnvoyFilter: Changes of Envoy's configuration. Kept; there is no Envoy here.
  workloadSelector WorkloadSelector
  targetRefs [TargetReference]<..16>: Waypoints and services it is for.
  configPatches [ConfigPatch]: The changes, in order.
  priority int32: Order among several; 0 by default.
  rule !(has(self.workloadSelector) && has(self.targetRefs)) => only one of workloadSelector and targetRefs can be set
ProxyImage: Which image.
  imageType string: default, debug or distroless.
ProxyConfig: Settings of proxies. Kept; proxies of this mesh have settings of their own.
  selector Selector
  concurrency int32<0..>?: Threads; 0 for one per core.
  environmentVariables {string<..2048>}: Variables of the process.
  image ProxyImage
`;
