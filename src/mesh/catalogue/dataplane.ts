// Codes 14xx (connections at the node) and 15xx (tunnel, certificates, configuration stream).

import type { CatalogueEntry } from './entry.ts';

export const dataplaneCodes = {
  AMB1401: {
    title: 'denied by an authorization policy',
    cause: 'A DENY policy matched, or ALLOW policies apply and none matched.',
    remedy: 'ambit why ID names the policy and the rule; change it if the traffic should pass.',
  },
  AMB1402: {
    title: 'plain text refused where mutual TLS is required',
    cause:
      'A PeerAuthentication in STRICT mode covers the destination and the client proved no identity.',
    remedy:
      'Bring the client into the mesh (label istio.io/dataplane-mode=ambient), or set PERMISSIVE for that port.',
  },
  AMB1403: {
    title: 'a policy that selects the workload is not known',
    cause: 'The workload refers to an authorization policy that has not reached this proxy.',
    remedy:
      'Usually it arrives within a second. If it stays: look for a rejected policy in the log of controller and proxy.',
  },
  AMB1404: {
    title: 'the source workload is not known',
    cause: 'The pod was captured but the controller did not describe it within five seconds.',
    remedy:
      'Check that the controller runs and that the proxy is connected to it (readiness, port 15021).',
  },
  AMB1405: {
    title: 'no healthy endpoint',
    cause: 'The service has no endpoint that is ready and allowed by its load balancing rules.',
    remedy:
      'Check that the pods behind the service are Ready, and its traffic distribution settings.',
  },
  AMB1406: {
    title: 'the service has no such port',
    cause: 'The connection goes to a port that the service does not declare or no endpoint maps.',
    remedy: 'Compare the port with spec.ports of the service.',
  },
  AMB1407: {
    title: 'the waypoint can not be reached',
    cause: 'The destination is bound to a waypoint that is unknown or has no healthy endpoint.',
    remedy: 'Check the Gateway and its pods, or remove the label istio.io/use-waypoint.',
  },
  AMB1408: {
    title: 'the port belongs to the mesh itself',
    cause: 'The connection goes to a port on which the node proxy listens (15001, 15006, 15008).',
    remedy: 'Use another port for the application.',
  },
  AMB1409: {
    title: 'the destination refused the connection',
    cause: 'Nothing listens on that port of the destination, or it can not be reached.',
    remedy: 'Check that the application runs and listens on the port, on all addresses of the pod.',
  },
  AMB1410: {
    title: 'the destination did not answer',
    cause: 'The connection was not established within ten seconds.',
    remedy: 'Check network policies and firewalls between the two, and that the address is in use.',
  },
  AMB1411: {
    title: 'closed because a policy changed',
    cause: 'The connection was open when a policy came into force that does not allow it.',
    remedy: 'ambit why ID names the policy; change it if the traffic should pass.',
  },
  AMB1412: {
    title: 'closed because the proxy or pod shuts down',
    cause:
      'The pod left the mesh or ended, or the proxy was stopped, while the connection was open.',
    remedy:
      'Connect again. If it happens often: look for restarts of the pod or of the node proxy.',
  },
  AMB1413: {
    title: 'the destination is on another network',
    cause:
      'Other networks are reached through their gateways only, and only by services: the endpoint has no gateway, or was not addressed by a service, or the service names no identities to expect there.',
    remedy:
      'Address the service instead of the pod, and see that its network has an east-west gateway; if both are on one network, remove the network label.',
  },
  AMB1414: {
    title: 'the tunnel request is not valid',
    cause: 'The peer sent something else than CONNECT with HOST:PORT as its authority.',
    remedy: 'Check what sends to port 15008; only mesh proxies should.',
  },
  AMB1415: {
    title: 'the tunnel request is for another workload',
    cause: 'The address in the request is neither this pod nor a destination that this pod serves.',
    remedy: 'Usually stale state at the client just after a pod moved: try again.',
  },
  AMB1416: {
    title: 'the destination workload is not known',
    cause: 'The pod receives traffic but the controller has not described it.',
    remedy:
      'Check that the controller runs and that the proxy is connected to it (readiness, port 15021).',
  },
  AMB1417: {
    title: 'the endpoint has no address',
    cause: 'The chosen endpoint has neither an address nor a host name.',
    remedy: 'Check the WorkloadEntry or ServiceEntry endpoint.',
  },
  AMB1418: {
    title: 'a listener could not be opened in a pod',
    cause: 'A port of the mesh is in use in the pod, or the network namespace is gone.',
    remedy:
      'See that nothing in the pod listens on 15001, 15006, 15008 or 15053; the proxy tries again.',
  },
  AMB1419: {
    title: 'the node agent broke the protocol',
    cause: 'A message from the node agent could not be read or came at the wrong time.',
    remedy: 'Node agent and node proxy should be of versions that fit; the proxy connects again.',
  },
  AMB1420: {
    title: 'the node agent can not be reached',
    cause: 'Nothing listens on the socket of the node agent.',
    remedy:
      'Check the node agent (DaemonSet istio-cni-node), and that both mount the folder of the socket.',
  },
  AMB1421: {
    title: 'the application can not be told what was asked for',
    cause:
      'The pod takes connections by the PROXY protocol, which knows addresses only, and the service that was asked for by name has none.',
    remedy: 'Give the service an address, or ask the pod by its own.',
  },
  AMB1422: {
    title: 'the name of an endpoint could not be resolved',
    cause:
      'The endpoint is known by a host name only, and no name server of the proxy gave an address for it in time.',
    remedy:
      'Check the address in the WorkloadEntry or ServiceEntry, and that the name servers in /etc/resolv.conf of the node proxy or waypoint know it.',
  },
  AMB1423: {
    title: 'the gateway to another network can not be reached',
    cause: 'The endpoint is behind a network gateway that is unknown or has no healthy endpoint.',
    remedy:
      'Check the east-west gateway of that network and that its Gateway object is known here.',
  },
  AMB1424: {
    title: 'the destination could not be asked for in time',
    cause:
      'The node proxy asks for addresses on demand (XDS_ON_DEMAND), and the controller did not answer for this one within five seconds.',
    remedy:
      'Check that the controller runs and that the proxy is connected to it. Destinations in use before go on working.',
  },
  AMB1431: {
    title: 'the destination is not registered',
    cause:
      'The mesh configuration says outboundTrafficPolicy REGISTRY_ONLY, and no service or workload of the mesh has the address.',
    remedy:
      'Declare the destination with a ServiceEntry, or set outboundTrafficPolicy.mode to ALLOW_ANY in the ConfigMap istio.',
  },
  AMB1501: {
    title: 'no answer from port 15008',
    cause:
      'The peer did not accept a tunnel connection in time; often a NetworkPolicy or firewall blocks the port.',
    remedy: 'Allow TCP 15008 between the nodes and pods of the mesh.',
  },
  AMB1502: {
    title: 'the tunnel connection was refused',
    cause:
      'Nothing listens on port 15008 of the peer: its node proxy is not running or does not know the pod.',
    remedy: 'Check the node proxy (or waypoint) at the destination.',
  },
  AMB1503: {
    title: 'mutual TLS failed',
    cause:
      'The TLS handshake with the peer failed: no common root, an expired certificate, or no TLS there.',
    remedy: 'Compare root certificates on both sides and the clocks of the nodes.',
  },
  AMB1504: {
    title: 'the peer proved another identity',
    cause: 'The certificate of the peer is valid but not for the workload that was expected.',
    remedy:
      'If the pod was just replaced, try again; otherwise find out who answers on that address.',
  },
  AMB1505: {
    title: 'no certificate for the workload',
    cause: 'The controller did not issue a certificate in time and there is no valid one.',
    remedy: 'Check that the controller runs; its log says why it refused.',
  },
  AMB1506: {
    title: 'the tunnel broke',
    cause: 'The HTTP/2 connection to the peer failed or was lost.',
    remedy: 'Connect again; look for a restart of the peer or a broken link.',
  },
  AMB1507: {
    title: 'the peer refused the tunnel',
    cause: 'The proxy at the destination answered the request with a status other than 200.',
    remedy: 'The record on the other side has the reason; its id is in the message.',
  },
  AMB1508: {
    title: 'the certificate request was refused',
    cause: 'The certificate authority did not accept the caller or the identity asked for.',
    remedy:
      'Check the service account of the proxy, its token, and that the pod runs on this node.',
  },
  AMB1509: {
    title: 'the certificate that came is not the one asked for',
    cause: 'The certificate authority answered with another identity, key or an unreadable chain.',
    remedy: 'Check which controller the proxy talks to and its certificate authority.',
  },
  AMB1510: {
    title: 'no connection to the controller',
    cause: 'The configuration stream failed; the last configuration stays in force.',
    remedy: 'Check that the controller runs and that its certificate and address fit.',
  },
  AMB1511: {
    title: 'a published resource was rejected',
    cause: 'The proxy could not read a resource; its last valid version stays in force.',
    remedy: 'The message names the resource; controller and proxy should be of versions that fit.',
  },
  AMB1512: {
    title: 'the peer broke the rules of HTTP/2',
    cause:
      'A client of port 15008 with a valid certificate sent frames that HTTP/2 forbids, or floods of them, or gave up requests faster than any proxy does.',
    remedy:
      'The record names the client: find out what runs there; a mesh proxy does not do this. Only its own connection was ended.',
  },
  AMB1521: {
    title: 'a certificate was revoked',
    cause:
      'The certificate of one side of the tunnel, or of an authority above it, is on a revocation list of its issuer.',
    remedy:
      'The message names the certificate. If its key was stolen this is as it should be; the honest owner gets a new certificate by itself. Otherwise take it off the list in ca-crl.pem.',
  },
  AMB1522: {
    title: 'a file of revocation lists can not be read',
    cause:
      'The file that CRL_PATH names is missing after it was there, is too long, or holds a list that is malformed or of a kind that is not supported.',
    remedy:
      'Put complete lists (no delta or indirect ones) into ca-crl.pem of the Secret cacerts, each in a PEM block X509 CRL. What was in force stays meanwhile.',
  },
  AMB1523: {
    title: 'a revocation list is out of date',
    cause:
      'Its issuer should have published another by now. It stays in force, but certificates that were revoked since are let in.',
    remedy: 'Put a fresh list of that issuer into ca-crl.pem of the Secret cacerts.',
  },
  AMB1524: {
    title: 'a revocation list is not signed by the authority that it names',
    cause:
      'An authority in use has the name of the list but another key, or its certificate does not allow it to sign lists (keyUsage cRLSign).',
    remedy:
      'Make the list with the key of that authority. Until then it is ignored, and what it would revoke is let in.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
