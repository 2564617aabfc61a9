// Types that several kinds share, in the notation of notation.ts.

/** Types, as text. */
export const sharedTypes = `
Selector: The workloads that the object is for.
  matchLabels {string<..63>}<..4096>: Labels that a workload must all have.
  rule !has(self.matchLabels) || self.matchLabels.all(key, key.size() != 0) => label names must not be empty
  rule !has(self.matchLabels) || self.matchLabels.all(key, !key.contains('*') && !self.matchLabels[key].contains('*')) => wildcards are not allowed in labels
WorkloadSelector: The workloads that the object is for.
  labels {string<..63>}<..256>: Labels that a workload must all have.
TargetReference: An object of the same namespace.
  group string<..253>: API group; empty for a Service.
  kind! string<1..63>: Gateway, GatewayClass, Service or ServiceEntry.
  name! string<1..253>: Its name.
  namespace string: Leave it out; targets are in the namespace of the object.
  rule !has(self.namespace) || self.namespace.size() == 0 => targets of other namespaces are not supported
StringMatch: How a text is compared; without a field it only has to be there.
  exact string: The text is this one, in upper and lower case.
  prefix string: The text begins so.
  regex string<..1024>: The whole text matches this expression of RE2 syntax.
  atmostone exact prefix regex
HeaderOperations: Changes of headers, made in the order remove, set, add.
  set {string}: Headers whose values are replaced, or that are added where they are missing.
  add {string}: Headers that get one more value.
  remove [string]: Headers that are taken away.
Headers: Changes of headers on both ways.
  request HeaderOperations: On the way to the destination.
  response HeaderOperations: On the way back.
PortNumber: A port by its number.
  number uint32: The number.
Percent: A share in percent.
  value double: From 0 to 100, in steps of a ten-thousandth.
TcpKeepalive: Probes of the operating system on quiet connections.
  probes uint32: Unanswered probes after which the connection is cut.
  time duration: Quiet time before the first probe.
  interval duration: Time between probes.
TcpPool: Limits of connections.
  maxConnections int32: Connections to the destination at once, per proxy.
  connectTimeout duration: How long a connection may take to be established; 10s by default.
  tcpKeepalive TcpKeepalive
  maxConnectionDuration duration: How long a connection may last.
  idleTimeout string<..32>: How long a connection may be quiet; 1h by default, 0s for ever.
Http2KeepAlive: Pings on connections of HTTP/2.
  interval! duration: Time between pings.
  timeout! duration: How long an answer may take.
HttpPool: Limits of requests.
  http1MaxPendingRequests int32: Requests that wait for a connection at once.
  http2MaxRequests int32: Requests under way at once, of HTTP/1.1 too.
  maxRequestsPerConnection int32: Requests after which a connection is replaced; 1 turns keep-alive off.
  maxRetries int32: Retries under way at once.
  idleTimeout string<..32>: How long a connection without requests is kept; 1h by default.
  h2UpgradePolicy string (DEFAULT|DO_NOT_UPGRADE|UPGRADE): Whether HTTP/2 is spoken to ports of HTTP/1.1.
  useClientProtocol bool: Speaks the version of HTTP that the client spoke.
  maxConcurrentStreams int32: Requests at once on one connection of HTTP/2.
  http2KeepAlive Http2KeepAlive
ConnectionPool: Limits of what goes to a destination, per proxy.
  tcp TcpPool
  http HttpPool
Endpoint: Where a service is, or a workload that is no pod.
  address string<..256>: An IP address, a DNS name or unix:// and a path; may be left out where network is given.
  ports {uint32<1..65535>}<..128>: Ports of the workload by the port names of the service.
  labels {string}<..256>: Labels that select it, and that subsets look at.
  network string<..2048>: The network it is in; others are reached through their gateways.
  locality string<..2048>: REGION/ZONE/SUBZONE, parts from the right may be left out.
  weight uint32: Its share of the load in relation to others; 1 by default.
  serviceAccount string<..253>: The ServiceAccount whose identity it proves.
  rule has(self.address) || has(self.network) => an address is required, or a network
ProviderReference: A provider of meshConfig.extensionProviders.
  name! string<1..>: Its name there.
TrafficPort: A port of a service.
  number! uint32<1..65535>: The number.
TrafficSelector: Which traffic an extension sees.
  mode string (UNDEFINED|CLIENT|SERVER|CLIENT_AND_SERVER): On which side of it; waypoints count as servers.
  ports [TrafficPort]<..256> by number: On which ports; all by default.
ServerCertificate: A certificate of the server and its key.
  serverCertificate string: File with the certificate chain.
  privateKey string: File with the key.
  caCertificates string: File with the authorities of client certificates.
ServerTls: TLS of a listener.
  httpsRedirect bool: Answers every request with a redirect to https.
  mode string (PASSTHROUGH|SIMPLE|MUTUAL|AUTO_PASSTHROUGH|ISTIO_MUTUAL|OPTIONAL_MUTUAL): Who ends TLS, and whether clients prove themselves.
  serverCertificate string: File with the certificate chain of the server.
  privateKey string: File with the key of the server.
  caCertificates string: File with the authorities of client certificates.
  caCrl string: File with a revocation list for client certificates.
  credentialName string: Secret with the certificate and key.
  credentialNames [string]<..2>: Secrets with certificates of two kinds, RSA and ECDSA.
  caCertCredentialName string: Secret with the authorities of client certificates.
  tlsCertificates [ServerCertificate]<..2>: Certificates of two kinds, RSA and ECDSA.
  subjectAltNames [string]: Names of which a client certificate must have one.
  verifyCertificateSpki [string]: Hashes of public keys of which a client certificate must have one.
  verifyCertificateHash [string]: Hashes of certificates of which the client's must be one.
  minProtocolVersion string (TLS_AUTO|TLSV1_0|TLSV1_1|TLSV1_2|TLSV1_3): Oldest version of TLS; 1.2 by default.
  maxProtocolVersion string (TLS_AUTO|TLSV1_0|TLSV1_1|TLSV1_2|TLSV1_3): Newest version of TLS.
  cipherSuites [string]: Cipher suites that are offered.
Condition: One thing that is known of the object.
  type string: What it is about.
  status string: True, False or Unknown.
  reason string: In one word, for programs.
  message string: In words, for people.
  observedGeneration intstr: The generation of the object that it speaks of.
  lastTransitionTime time: Since when the status has been so.
  lastProbeTime time: When it was looked at.
`;
