// VirtualService and DestinationRule (features of networking.istio.io), in the notation of notation.ts.

/** Types, as text. */
export const routingTypes = `
Destination: Where requests or connections go.
  host! string: A Service or ServiceEntry by its host; a short name belongs to the namespace of the object.
  subset string: A subset that a DestinationRule of the host defines.
  port PortNumber: The port of the service; needed where it has several.
Delegate: Another VirtualService whose routes stand in the place of this one.
  name string: Its name.
  namespace string: Its namespace; that of this object by default.
HTTPMatch: What a request must be like; all fields that are given must agree.
  name string: For logs.
  uri StringMatch: The path, without the query.
  ignoreUriCase bool: Compares the path without regard to case; not with regex.
  scheme StringMatch: http or https.
  method StringMatch: The method.
  authority StringMatch: The host that the request names.
  headers {StringMatch}: Headers by name.
  withoutHeaders {StringMatch}: Headers that must not be so.
  queryParams {StringMatch}: Parameters of the query by name.
  port uint32: The port of the service that was addressed.
  sourceLabels {string}: Labels of the client; a match with them never applies at a waypoint.
  sourceNamespace string: The namespace of the client.
  gateways [string]: Where this match counts, instead of spec.gateways.
  statPrefix string: Kept, without effect.
HTTPRouteDestination: One of several destinations.
  destination! Destination
  weight int32: Its share in relation to the sum of all weights.
  headers Headers
Redirect: An answer that sends the client elsewhere.
  uri string: The new path.
  prefixRewrite string: What stands in the place of the prefix that matched.
  authority string: The new host.
  port uint32: The new port.
  derivePort string (FROM_PROTOCOL_DEFAULT|FROM_REQUEST_PORT): Where the port comes from otherwise.
  scheme string: http or https.
  redirectCode uint32: 301, 302, 303, 307 or 308; 301 by default.
  atmostone port derivePort
Body: A fixed body.
  string string: As text.
  bytes string: As base64.
  atmostone string bytes
DirectResponse: An answer of the proxy itself.
  status! uint32: The HTTP status.
  body Body
RegexRewrite: What of the path is replaced.
  match string: An expression of RE2 syntax.
  rewrite string: What stands in its place, with groups as \\\\1.
Rewrite: What the destination sees in the place of what was asked for.
  uri string: In the place of the prefix that matched, or of the whole path.
  authority string: The host.
  uriRegexRewrite RegexRewrite
  rule !(has(self.uri) && has(self.uriRegexRewrite)) => only one of uri and uriRegexRewrite can be set
Retries: How failed requests are tried again.
  attempts int32: Retries beside the first attempt; 0 turns them off.
  perTryTimeout duration: How long each attempt may take.
  retryOn string: Conditions or statuses, by comma and without spaces.
  retryRemoteLocalities bool?: Whether retries may go to other places.
  retryIgnorePreviousHosts bool?: Whether endpoints that failed are avoided; true by default.
  backoff duration: First pause between attempts; 25ms by default.
Delay: A pause before the request goes on.
  percentage Percent: The share of requests; none by default.
  percent int32: Deprecated; write percentage.
  fixedDelay duration: How long.
  exponentialDelay duration: Not supported.
Abort: A failure in the place of an answer.
  percentage Percent: The share of requests; none by default.
  httpStatus int32: The HTTP status.
  grpcStatus string: The name of a status of gRPC.
  http2Error string: Not supported.
Fault: Failures on purpose, to see what clients make of them.
  delay Delay
  abort Abort
Mirror: A copy of requests, whose answers are thrown away.
  destination! Destination
  percentage Percent: The share of requests; all by default.
Cors: Which other origins may use the answers (CORS).
  allowOrigin [string]: Deprecated; write allowOrigins.
  allowOrigins [StringMatch]: Origins that may.
  allowMethods [string]: Methods that they may use.
  allowHeaders [string]: Headers that they may send.
  exposeHeaders [string]: Headers that they may read.
  maxAge duration: How long browsers may remember it; whole seconds.
  allowCredentials bool?: Whether they may send cookies.
  unmatchedPreflights string (UNSPECIFIED|FORWARD|IGNORE): What becomes of questions of other origins; FORWARD by default.
HTTPRoute: Requests, and what becomes of them. The first route that matches counts.
  name string: For logs.
  match [HTTPMatch]: Any of these; without, every request.
  route [HTTPRouteDestination]: Destinations by weight.
  redirect Redirect
  directResponse DirectResponse
  delegate Delegate
  rewrite Rewrite
  timeout string<..32>: How long the request may take with all retries; for ever by default.
  retries Retries
  fault Fault
  mirror Destination: A copy of the requests goes there.
  mirrors [Mirror]: Copies of the requests go there.
  mirrorPercentage Percent: The share that is copied to mirror; all by default.
  mirrorPercent uint32?: Deprecated; write mirrorPercentage.
  mirror_percent uint32?: Deprecated; write mirrorPercentage.
  corsPolicy Cors
  headers Headers
  rule [has(self.route), has(self.redirect), has(self.directResponse), has(self.delegate)].exists_one(given, given) => exactly one of route, redirect, directResponse and delegate must be set
  rule !(has(self.redirect) || has(self.directResponse)) || !(has(self.fault) || has(self.rewrite)) => fault and rewrite cannot be combined with redirect and directResponse
  rule !(has(self.mirror) && has(self.mirrors)) => only one of mirror and mirrors can be set
ConnectionDestination: One of several destinations.
  destination! Destination
  weight int32: Its share in relation to the sum of all weights.
TLSMatch: What a connection of TLS must be like.
  sniHosts! [string]: Names that its client asks for, within spec.hosts.
  destinationSubnets [string]: Addresses or networks that it is for.
  port uint32: The port of the service that was addressed.
  sourceLabels {string}: Labels of the client; a match with them never applies at a waypoint.
  gateways [string]: Where this match counts, instead of spec.gateways.
  sourceNamespace string: The namespace of the client.
TLSRoute: Connections of TLS that are passed on unread, and where they go.
  match! [TLSMatch]: Any of these.
  route [ConnectionDestination]: Destinations by weight.
TCPMatch: What a connection must be like.
  destinationSubnets [string]: Addresses or networks that it is for.
  port uint32: The port of the service that was addressed.
  sourceLabels {string}: Labels of the client; a match with them never applies at a waypoint.
  sourceSubnet string: Not supported.
  gateways [string]: Where this match counts, instead of spec.gateways.
  sourceNamespace string: The namespace of the client.
TCPRoute: Connections, and where they go.
  match [TCPMatch]: Any of these; without, every connection.
  route [ConnectionDestination]: Destinations by weight.
VirtualService: Where requests and connections to hosts go.
  hosts [string]: Hosts that it is for; none makes it a delegate of others.
  gateways [string]: Where it is in force; mesh, which is the default, means all proxies of the mesh.
  http [HTTPRoute]<..4096>: Routes of requests, in order.
  tls [TLSRoute]: Routes of TLS that is not ended here, in order.
  tcp [TCPRoute]: Routes of other connections, in order.
  exportTo [string]: Namespaces it is visible in, . for its own, * for all.
  rule has(self.http) || has(self.tls) || has(self.tcp) => at least one of http, tls and tcp must be set
CookieAttribute: An attribute of a cookie.
  name! string: Its name.
  value string: Its value.
HashCookie: A cookie that the proxy gives where there is none.
  name! string: Its name.
  path string: The path it is for.
  ttl string<..32>: How long it lasts; 0s as long as the browser.
  attributes [CookieAttribute]: More attributes.
RingHash: A ring on which endpoints have many places.
  minimumRingSize uint64: Places at least; 1024 by default.
Maglev: A table of places.
  tableSize uint64: A prime; 65537 by default.
ConsistentHash: The same client gets the same endpoint, as long as it is there.
  httpHeaderName string: By a header.
  httpCookie HashCookie
  useSourceIp bool: By the address of the client.
  httpQueryParameterName string: By a parameter of the query.
  ringHash RingHash
  maglev Maglev
  minimumRingSize uint64: Deprecated; write ringHash.
  exactlyone httpHeaderName httpCookie useSourceIp httpQueryParameterName
  rule [has(self.ringHash), has(self.maglev), has(self.minimumRingSize)].filter(given, given).size() < 2 => only one of ringHash, maglev and minimumRingSize can be set
Distribute: How clients of a place spread over others.
  from string: The place of the clients, REGION/ZONE/SUBZONE.
  to {uint32}: Shares in percent by place; together 100.
Failover: Where clients of a region go when their own cannot serve.
  from string: The region.
  to string: Another.
LocalityLb: How endpoints are chosen by place.
  enabled bool?: Whether they are; as the mesh says by default.
  distribute [Distribute]: Fixed shares.
  failover [Failover]: From region to region.
  failoverPriority [string]: Labels of which the endpoints that share most come first.
  rule [has(self.distribute), has(self.failover) || has(self.failoverPriority)].filter(given, given).size() < 2 => distribute cannot be combined with failover
Warmup: New endpoints get their share little by little.
  duration! duration: How long it takes.
  minimumPercent double?: The share at the beginning; 10 by default.
  aggression double?: How steeply it grows; 1 by default, which is evenly.
LoadBalancer: How an endpoint is chosen.
  simple string (UNSPECIFIED|LEAST_CONN|RANDOM|PASSTHROUGH|ROUND_ROBIN|LEAST_REQUEST): By load, by chance or in turn; LEAST_REQUEST by default.
  consistentHash ConsistentHash
  localityLbSetting LocalityLb?
  zoneAwareLbSetting any: Kept; waypoints do not know the zones of all their clients.
  warmup Warmup
  warmupDurationSecs duration: Deprecated; write warmup.
  rule !(has(self.simple) && has(self.consistentHash) && self.simple != 'UNSPECIFIED') => only one of simple and consistentHash can be set
  rule !(has(self.localityLbSetting) && has(self.zoneAwareLbSetting)) => only one of localityLbSetting and zoneAwareLbSetting can be set
OutlierDetection: Endpoints that fail are left out for a while.
  consecutiveErrors int32: Deprecated, without effect; write consecutive5xxErrors.
  consecutive5xxErrors uint32?: Errors of the server in a row; 5 by default, 0 turns it off.
  consecutiveGatewayErrors uint32?: Statuses 502, 503 and 504 in a row; off by default.
  splitExternalLocalOriginErrors bool: Counts failures of connections apart from answers.
  consecutiveLocalOriginFailures uint32?: Failures of connections in a row, where they are counted apart.
  interval duration: How often it is looked at; 10s by default.
  baseEjectionTime duration: How long the first time; 30s by default, longer every time.
  maxEjectionPercent int32: Share of endpoints left out at once; 10 by default.
  minHealthPercent int32: Below this share of good ones all are used.
  outlierDetectionHttpErrorCodes [any]: Kept, without effect.
ClientTls: TLS towards the destination.
  mode string (DISABLE|SIMPLE|MUTUAL|ISTIO_MUTUAL): Whether TLS is spoken, and whether the proxy proves itself.
  clientCertificate string: File with the certificate of the proxy.
  privateKey string: File with its key.
  caCertificates string: File with the authorities of the server.
  caCrl string: File with a revocation list.
  credentialName string: Secret, or configmap://NAME for authorities, in the place of files.
  subjectAltNames [string]: Names of which the certificate of the server must have one.
  sni string: The name that is asked for.
  insecureSkipVerify bool?: Accepts any certificate.
  rule !(has(self.credentialName) && self.credentialName != '' && (has(self.clientCertificate) || has(self.privateKey) || has(self.caCertificates))) => credentialName cannot be combined with files
Tunnel: A tunnel through an HTTP proxy.
  protocol string: CONNECT, the default, or POST.
  targetHost! string: The host that the proxy is asked for.
  targetPort! uint32: The port that the proxy is asked for.
ProxyProtocol: A header of the PROXY protocol at the beginning of connections.
  version string (V1|V2): Its version; V1 by default.
RetryBudget: How many retries there may be beside the requests.
  percent double?: In percent of the requests under way; 20 by default.
  minRetryConcurrency uint32: Always allowed; 3 by default.
  budgetInterval duration: Kept, without effect.
PortPolicy: What holds for one port; what is left out here is the default, not what the whole has.
  port PortNumber
  loadBalancer LoadBalancer
  connectionPool ConnectionPool
  outlierDetection OutlierDetection
  tls ClientTls
TrafficPolicy: How requests get to the destination.
  loadBalancer LoadBalancer
  connectionPool ConnectionPool
  outlierDetection OutlierDetection
  tls ClientTls
  portLevelSettings [PortPolicy]<..64>: By port.
  tunnel Tunnel
  proxyProtocol ProxyProtocol
  retryBudget RetryBudget
  rule !(has(self.tunnel) && has(self.proxyProtocol)) => tunnel and proxyProtocol must not be set together
Subset: Endpoints with certain labels.
  name! string: What routes call it.
  labels {string}: Labels that they have; all endpoints without.
  trafficPolicy TrafficPolicy: In the place of what the whole has, block by block.
DestinationRule: How requests get to a host, once routes have chosen it.
  host! string: The host; a short name belongs to the namespace of the object.
  trafficPolicy TrafficPolicy
  subsets [Subset]<..1024>: Endpoints that routes may choose by name.
  exportTo [string]: Namespaces it is visible in, . for its own, * for all.
  workloadSelector Selector: Only for these waypoints of its own namespace.
`;
