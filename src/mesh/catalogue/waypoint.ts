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
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
