// The kinds of security.istio.io, telemetry.istio.io and extensions.istio.io, in the notation of notation.ts.

/** Types, as text. */
export const securityTypes = `
Source: Who asks; all fields that are given must agree.
  principals [string]: Identities, TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT; a * at one end stands for any text.
  notPrincipals [string]: Identities that it must not be.
  requestPrincipals [string]: Issuer and subject of a token, ISSUER/SUBJECT.
  notRequestPrincipals [string]: Those that it must not be.
  namespaces [string]: Namespaces of identities.
  notNamespaces [string]: Those that it must not be.
  serviceAccounts [string<..320>]<..16>: NAMESPACE/ACCOUNT, or ACCOUNT of the own namespace.
  notServiceAccounts [string<..320>]<..16>: Those that it must not be.
  ipBlocks [string]: Addresses or networks of the peer.
  notIpBlocks [string]: Those that it must not be.
  remoteIpBlocks [string]: Addresses or networks of the client as proxies before this one tell it.
  notRemoteIpBlocks [string]: Those that it must not be.
  trustDomains [string]: Trust domains of identities.
  notTrustDomains [string]: Those that it must not be.
  rule !has(self.serviceAccounts) || !(has(self.principals) || has(self.namespaces)) => serviceAccounts cannot be combined with principals or namespaces
  rule !has(self.notServiceAccounts) || !(has(self.notPrincipals) || has(self.notNamespaces)) => notServiceAccounts cannot be combined with notPrincipals or notNamespaces
From: A source.
  source Source
Operation: What is asked for; all fields that are given must agree.
  hosts [string]: Hosts; a * at one end stands for any text.
  notHosts [string]: Hosts that it must not be.
  ports [string]: Ports of the workload.
  notPorts [string]: Ports that it must not be.
  methods [string]: Methods of HTTP.
  notMethods [string]: Methods that it must not be.
  paths [string]: Paths; {*} is one segment, {**} any number.
  notPaths [string]: Paths that it must not be.
To: An operation.
  operation Operation
When: A further condition.
  key! string: What is looked at, such as request.headers[NAME] or source.ip.
  values [string]: One of these.
  notValues [string]: None of these.
  rule has(self.values) || has(self.notValues) => values or notValues must be set
PolicyRule: Matches when one of from, one of to and all of when do.
  from [From]<..512>: Who asks.
  to [To]: What is asked for.
  when [When]<..512>: Further conditions.
AuthorizationProvider: Who decides, with action CUSTOM.
  name string: A provider of meshConfig.extensionProviders.
AuthorizationPolicy: Who may reach what. An empty one denies everything in its scope.
  selector Selector
  targetRef TargetReference
  targetRefs [TargetReference]<..16>: Waypoints and services it is for, in the place of a selector.
  action string (ALLOW|DENY|AUDIT|CUSTOM): What happens when a rule matches; ALLOW by default.
  provider AuthorizationProvider
  rules [PolicyRule]<..512>: Any of these; without, the policy never matches.
  rule [has(self.selector), has(self.targetRef), has(self.targetRefs)].filter(given, given).size() < 2 => only one of selector, targetRef and targetRefs can be set
  rule (has(self.action) && self.action == 'CUSTOM') == has(self.provider) => provider is set with action CUSTOM, and only then
  rule !has(self.action) || !(self.action in ['DENY', 'CUSTOM']) || (has(self.rules) && self.rules.size() > 0) => a policy without rules never matches; write an empty rule
MutualTls: Whether plain text is accepted.
  mode string (UNSET|DISABLE|PERMISSIVE|STRICT): STRICT refuses it; UNSET inherits; DISABLE is PERMISSIVE in ambient mode.
PeerAuthentication: Whether workloads accept connections that do not come through the mesh.
  selector Selector
  mtls MutualTls
  portLevelMtls {MutualTls}<1..1024>: By port of the workload, for selected workloads only.
  rule !has(self.portLevelMtls) || (has(self.selector) && has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0) => portLevelMtls needs a selector
  rule !has(self.portLevelMtls) || self.portLevelMtls.all(port, port.matches('^[0-9]{1,5}$') && int(port) > 0 && int(port) <= 65535) => ports must be from 1 to 65535
TokenHeader: A header with a token.
  name! string<1..>: Its name.
  prefix string: What stands before the token, with its space.
ClaimHeader: A header made from a claim.
  header! string<1..>: Its name.
  claim! string<1..>: The claim; dots lead into it.
JwtRule: An issuer of tokens (JWT) that is trusted.
  issuer string: The claim iss of its tokens.
  audiences [string<1..>]: Of which a token must have one in aud; any by default.
  jwksUri string<..2048>: Where its keys are; found through the issuer by default.
  jwks_uri string<..2048>: The same under an older name.
  jwks string: Its keys themselves.
  fromHeaders [TokenHeader]: Headers with a token; Authorization with Bearer by default.
  fromParams [string<1..>]: Parameters of the query with a token; access_token by default.
  fromCookies [string<1..>]: Cookies with a token.
  outputPayloadToHeader string: Passes the claims on in this header.
  outputClaimToHeaders [ClaimHeader]: Passes single claims on.
  forwardOriginalToken bool: Passes the token on; it is taken away by default.
  timeout duration: How long fetching keys may take; 5s by default.
  spaceDelimitedClaims [string<1..>]: Claims that are lists, parted by spaces.
  rule !(has(self.jwks) && (has(self.jwksUri) || has(self.jwks_uri))) => only one of jwks and jwksUri can be set
RequestAuthentication: Which tokens of requests are believed.
  selector Selector
  targetRef TargetReference
  targetRefs [TargetReference]<..16>: Waypoints and services it is for, in the place of a selector.
  jwtRules [JwtRule]<..4096>: Issuers.
  rule [has(self.selector), has(self.targetRef), has(self.targetRefs)].filter(given, given).size() < 2 => only one of selector, targetRef and targetRefs can be set
TelemetryMatch: Which traffic.
  mode string (CLIENT_AND_SERVER|CLIENT|SERVER): On which side of it; both by default.
Literal: A fixed value.
  value! string<1..>: The value.
FromEnvironment: From the environment of the proxy.
  name! string<1..>: The variable.
  defaultValue string: Where it is not set.
FromHeader: From a header of the request.
  name! string<1..>: The header.
  defaultValue string: Where it is missing.
Formatter: From a format of access logs.
  value! string<1..>: The format.
CustomTag: A tag of spans.
  literal Literal
  environment FromEnvironment
  header FromHeader
  formatter Formatter
  atmostone literal environment header formatter
Tracing: Spans of requests.
  match TelemetryMatch
  providers [ProviderReference]: Who gets them; only the first is used.
  randomSamplingPercentage double<0..100>?: The share of requests that is traced.
  disableSpanReporting bool?: Passes contexts on and reports nothing.
  customTags {CustomTag}: Further tags.
  useRequestIdForTraceSampling bool?: Puts the decision into x-request-id.
  enableIstioTags bool?: Adds tags about the mesh.
  disableContextPropagation bool?: Adds no headers of traces.
MetricSelector: Which metric.
  metric string (ALL_METRICS|REQUEST_COUNT|REQUEST_DURATION|REQUEST_SIZE|RESPONSE_SIZE|TCP_OPENED_CONNECTIONS|TCP_CLOSED_CONNECTIONS|TCP_SENT_BYTES|TCP_RECEIVED_BYTES|GRPC_REQUEST_MESSAGES|GRPC_RESPONSE_MESSAGES): One of the mesh.
  customMetric string<1..>: One of another name.
  mode string (CLIENT_AND_SERVER|CLIENT|SERVER): On which side; both by default.
  atmostone metric customMetric
TagOverride: Another value for a label, or none.
  operation string (UPSERT|REMOVE): What is done; UPSERT by default.
  value string: An expression of CEL.
  rule (has(self.operation) && self.operation == 'REMOVE') != (has(self.value) && self.value != '') => value must be set with UPSERT, and only then
MetricOverride: Changes of a metric.
  match MetricSelector
  disabled bool?: Leaves it out.
  tagOverrides {TagOverride}<..64>: By label.
Metrics: Metrics of traffic.
  providers [ProviderReference]: Who gets them.
  overrides [MetricOverride]<..256>: Changes, in order.
  reportingInterval duration: How often connections are reported.
LogFilter: Which requests.
  expression string: An expression of CEL.
AccessLogging: Lines about requests.
  match TelemetryMatch
  providers [ProviderReference]: Who gets them.
  disabled bool?: Turns off what is inherited.
  filter LogFilter
Telemetry: What is told about traffic. Kept; nothing acts on it in this version.
  selector Selector
  targetRef TargetReference
  targetRefs [TargetReference]<..16>: Waypoints and services it is for, in the place of a selector.
  tracing [Tracing]: Spans.
  metrics [Metrics]<..64>: Metrics.
  accessLogging [AccessLogging]: Access logs.
  rule [has(self.selector), has(self.targetRef), has(self.targetRefs)].filter(given, given).size() < 2 => only one of selector, targetRef and targetRefs can be set
VmVariable: A variable for the plugin.
  name! string<1..256>: Its name.
  valueFrom string (INLINE|HOST): From here, or from the environment of the proxy.
  value string<..2048>: Its value, with INLINE.
  rule !(has(self.valueFrom) && self.valueFrom == 'HOST' && has(self.value)) => value can only be set with INLINE
VmConfig: Where the plugin runs.
  env [VmVariable]<..256> by name: Its environment.
WasmPlugin: A program in WebAssembly for Envoy. Kept; there is no Envoy here.
  selector Selector
  targetRef TargetReference
  targetRefs [TargetReference]<..16>: Waypoints and services it is for, in the place of a selector.
  url! string<1..>: Where it is, oci by default.
  sha256 string<..64>: Its checksum.
  imagePullPolicy string (UNSPECIFIED_POLICY|IfNotPresent|Always): When it is fetched.
  imagePullSecret string<..253>: Secret for fetching it.
  verificationKey string: Not supported.
  pluginConfig any: What it is told.
  pluginName string<..256>: What it is called.
  phase string (UNSPECIFIED_PHASE|AUTHN|AUTHZ|STATS): When it runs.
  priority int32?: Higher ones of a phase run first.
  failStrategy string (FAIL_CLOSE|FAIL_OPEN|FAIL_RELOAD): What happens when it fails; FAIL_CLOSE by default.
  vmConfig VmConfig
  match [TrafficSelector]: Which traffic it sees.
  type string (UNSPECIFIED_PLUGIN_TYPE|HTTP|NETWORK): What it works on.
  rule [has(self.selector), has(self.targetRef), has(self.targetRefs)].filter(given, given).size() < 2 => only one of selector, targetRef and targetRefs can be set
WasmExtension: A program in WebAssembly.
  url! string<1..>: Where it is, oci by default.
  sha256 string<..64>: Its checksum.
  imagePullPolicy string (UNSPECIFIED_POLICY|IfNotPresent|Always): When it is fetched.
  imagePullSecret string<..253>: Secret for fetching it.
  pluginConfig any: What it is told.
  pluginName string<..256>: What it is called.
  failStrategy string (FAIL_CLOSE|FAIL_OPEN|FAIL_RELOAD): What happens when it fails; FAIL_CLOSE by default.
  vmConfig VmConfig
  type string (UNSPECIFIED_PLUGIN_TYPE|HTTP|NETWORK): What it works on.
LuaExtension: A program in Lua.
  inlineCode! string<1..65536>: The program.
TrafficExtension: A program in the path of requests. Kept; nothing runs it in this version.
  selector Selector
  targetRefs [TargetReference]<..16>: Waypoints and services it is for, in the place of a selector.
  phase string (UNSPECIFIED_PHASE|UNSPECIFIED|AUTHN|AUTHZ|STATS): When it runs.
  priority int32?: Higher ones of a phase run first.
  match [TrafficSelector]: Which traffic it sees.
  wasm WasmExtension
  lua LuaExtension
  rule !(has(self.selector) && has(self.targetRefs)) => only one of selector and targetRefs can be set
  rule has(self.wasm) != has(self.lua) => exactly one of wasm and lua must be set
`;
