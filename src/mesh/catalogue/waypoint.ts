// Codes 17xx: requests at a waypoint.

import type { CatalogueEntry } from './entry.ts';

export const waypointCodes = {
  AMB1701: {
    title: 'no route matched the request',
    cause: 'The host has routes and none of them matches this request.',
    remedy:
      'Add a route without a match as the last one, or correct the matches; ambit why ID shows each.',
  },
  AMB1702: {
    title: 'the request was denied by an authorization policy',
    cause: 'A DENY policy matched the request, or ALLOW policies apply and none matched it.',
    remedy: 'ambit why ID names the policy and the rule; change it if the request should pass.',
  },
  AMB1703: {
    title: 'no healthy endpoint for the request',
    cause: 'The service has no ready endpoint on this port, or the subset of the route has none.',
    remedy:
      'Check kubectl get endpointslices for the service, and that pods carry the labels of the subset.',
  },
  AMB1704: {
    title: 'the route leads to a service that is not known',
    cause: 'The host of a route destination is no Service or ServiceEntry that the waypoint knows.',
    remedy: 'Correct destination.host of the route that ambit why ID names, or create the service.',
  },
  AMB1705: {
    title: 'the route leads to a subset that is not defined',
    cause: 'No DestinationRule of the host defines the subset of this name.',
    remedy: 'Add the subset to the DestinationRule of the host, or correct destination.subset.',
  },
  AMB1706: {
    title: 'the endpoint could not be reached',
    cause: 'The connection to the chosen endpoint failed, after all retries that the route allows.',
    remedy: 'Check that the pod is running and listens on its target port; ambit why ID names it.',
  },
  AMB1707: {
    title: 'the endpoint broke the connection before its response',
    cause: 'The application closed or reset the connection while the request was under way.',
    remedy:
      'Look into the log of the pod that ambit why ID names; it may have crashed or restarted.',
  },
  AMB1708: {
    title: 'the request took longer than its timeout',
    cause: 'The timeout of the route passed before the endpoint had answered completely.',
    remedy: 'Raise timeout (or retries.perTryTimeout) of the route, or make the endpoint faster.',
  },
  AMB1709: {
    title: 'aborted by fault injection',
    cause: 'The route that matched injects failures, and this request was drawn.',
    remedy: 'Remove fault.abort from the route that ambit why ID names when the test is over.',
  },
  AMB1710: {
    title: 'the waypoint does not serve this destination',
    cause:
      'The address belongs to no service or workload of this waypoint, or its configuration has not arrived.',
    remedy:
      'Check the label istio.io/use-waypoint of the service or namespace; if it is right, try again in a few seconds.',
  },
  AMB1711: {
    title: 'the request is malformed',
    cause: 'The request target, method or authority is none that HTTP allows.',
    remedy: 'Correct the client; ambit why ID shows what it sent.',
  },
  AMB1712: {
    title: 'the response broke off',
    cause: 'The endpoint ended the connection in the middle of its response body.',
    remedy: 'Look into the log of the pod that ambit why ID names.',
  },
  AMB1713: {
    title: 'the client gave up',
    cause: 'The client closed its connection before the response was complete.',
    remedy: 'Nothing to do at the waypoint; the client may have a timeout shorter than the answer.',
  },
  AMB1714: {
    title: 'a part of the configuration of a service can not be used',
    cause:
      'A regular expression does not compile, or a policy has a condition that this proxy can not evaluate.',
    remedy:
      'Correct the object and field in the message. Until then the match never holds, and the policy fails closed.',
  },
  AMB1715: {
    title: 'the waypoint failed inside',
    cause: 'An error that should not happen ended the request.',
    remedy: 'Please report it with the log line of this code.',
  },
  AMB1716: {
    title: 'the endpoint refused the request before processing it',
    cause: 'The endpoint is shutting down or has too many requests, after all retries.',
    remedy: 'Add replicas, or raise retries of the route.',
  },
  AMB1717: {
    title: 'the backend that was drawn cannot be used',
    cause:
      'A route leads to nothing for this share of the requests: a backend that does not exist or may not be referred to, a filter that is not supported, or no backend at all.',
    remedy:
      'Read the conditions Accepted and ResolvedRefs of the route that ambit why ID names, and correct backendRefs or the filter.',
  },
  AMB1720: {
    title: 'a limit of the destination is reached',
    cause:
      'connectionPool of a DestinationRule (or MeshConfig) allows this waypoint no more connections, requests or waiting requests to the service, subset and port, so nothing was sent.',
    remedy:
      'Raise the limit that the message names, add endpoints, or slow the clients down. The limits hold for each replica of the waypoint.',
  },
  AMB1721: {
    title: 'an endpoint is left out because it failed',
    cause:
      'It failed as many times in a row as outlierDetection of the DestinationRule counts. Where every endpoint is left out, requests are answered 503.',
    remedy:
      'Read the log of the endpoint that ambit why ID names. It is used again when baseEjectionTime, times the number of its ejections, has passed.',
  },
  AMB1722: {
    title: 'a connection was ended because its time had passed',
    cause:
      'It carried nothing for tcp.idleTimeout, or lasted for tcp.maxConnectionDuration, of connectionPool in a DestinationRule.',
    remedy: 'Raise the time, or have the client send something or connect anew before.',
  },
  AMB1730: {
    title: 'no endpoint is in a place that gets requests',
    cause:
      'localityLbSetting.distribute of the DestinationRule (or MeshConfig) names the places that requests from the place of this waypoint go to, and no healthy endpoint is in one of them.',
    remedy:
      'Add the places of the endpoints under "to" (an asterisk as the tail covers all below), or run endpoints in the places that are named.',
  },
  AMB1735: {
    title: 'a request names a host that its wildcard does not cover',
    cause:
      'The connection was made to a host with a wildcard (resolution DYNAMIC_DNS), whose endpoint is the host that each request names, and the request names another one or none.',
    remedy: 'Send requests to the host that they name, or declare that host in a ServiceEntry.',
  },
  AMB1736: {
    title: 'a host of a wildcard leads to an address that is not outside',
    cause:
      'The name in the request has only addresses that are loopback, link-local or reserved, or that belong to the mesh: requests there would go around its policies.',
    remedy:
      'If the name is meant to lead there, declare it in a ServiceEntry of its own, or address the service by its own name.',
  },
  AMB1737: {
    title: 'TLS towards the endpoint could not be established',
    cause:
      'The endpoint does not speak TLS on that port, speaks no common version or protocol, or refused the certificate that was shown.',
    remedy:
      'Compare tls and the port in the DestinationRule with what the server expects; its own log tells why it refused.',
  },
  AMB1738: {
    title: 'the certificate of the endpoint is not accepted',
    cause:
      'It is not signed by the authorities in force, is out of date or revoked, or names none of the expected hosts.',
    remedy:
      'The reason names what is wrong. Check sni, subjectAltNames and the authorities (caCertificates, credentialName) of the DestinationRule; without authorities those of the operating system count.',
  },
  AMB1739: {
    title: 'what TLS towards an endpoint needs is missing',
    cause:
      'The Secret, ConfigMap or file that the TLS settings of a DestinationRule name does not exist, lacks a key, or cannot be read.',
    remedy:
      'Create it in the namespace of the waypoint with the keys tls.crt, tls.key and ca.crt as the mode needs them; the condition of the DestinationRule names what is missing.',
  },
  AMB1740: {
    title: 'a proxy on the way did not open the tunnel',
    cause:
      'The HTTP proxy that a DestinationRule (trafficPolicy.tunnel) sends connections through answered with an error, or not at all.',
    remedy:
      'The reason has its answer. Check targetHost and targetPort, and what the proxy allows.',
  },
  AMB1741: {
    title: 'connections without HTTP cannot be sent to a wildcard',
    cause:
      'The endpoint of a host with resolution DYNAMIC_DNS is the host that a request names, and these bytes name none.',
    remedy: 'Declare the port HTTP, HTTP2 or GRPC, or declare the hosts one by one.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
