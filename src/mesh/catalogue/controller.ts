// Codes 16xx: configuration objects, the certificate authority and publishing.

import type { CatalogueEntry } from './entry.ts';

export const controllerCodes = {
  AMB1601: {
    title: 'a configuration object is not valid',
    cause: 'A field has a value that its resource does not allow.',
    remedy: 'Correct the field that the message names; the last valid version stays in force.',
  },
  AMB1602: {
    title: 'a regular expression is not valid',
    cause: 'The pattern is empty, longer than 1024 characters, or not in RE2 syntax.',
    remedy:
      'Correct the pattern. RE2 has no look-around and no back-references; it matches the whole value.',
  },
  AMB1603: {
    title: 'the weights of a route are not valid',
    cause: 'A weight is negative, or all weights of several destinations are 0.',
    remedy: 'Give each destination a weight of 0 or more, and at least one of them more than 0.',
  },
  AMB1604: {
    title: 'a route has no usable destination',
    cause: 'The route names no destination, or a host that is no DNS name.',
    remedy: 'Set route[].destination.host, or a redirect, or a directResponse.',
  },
  AMB1605: {
    title: 'a duration is not valid',
    cause: 'Durations are written like 1h30m, 2s or 500ms and are whole milliseconds.',
    remedy: 'Write the duration in h, m, s and ms, at least 1ms.',
  },
  AMB1606: {
    title: 'a number is out of range',
    cause: 'A percentage, port, status or count lies outside of what its field allows.',
    remedy: 'Use a value in the range that the message gives.',
  },
  AMB1607: {
    title: 'a route refers to a service or subset that does not exist',
    cause: 'No service has the host, or no DestinationRule of the host has the subset.',
    remedy:
      'Create the service or the DestinationRule, or correct the name. A name without a dot is looked up in the namespace of the object that uses it; requests sent there are answered 503 until then.',
  },
  AMB1608: {
    title: 'no controller takes care of a Gateway',
    cause: 'spec.gatewayClassName names no GatewayClass, or one that this mesh does not implement.',
    remedy: 'Set spec.gatewayClassName to istio-waypoint, or install the controller of the class.',
  },
  AMB1609: {
    title: 'a policy has an unreadable principal, address, port or condition',
    cause: 'A value is not of the form that its field compares with.',
    remedy:
      'Principals are TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT without spiffe://, addresses an IP or CIDR, ports 1 to 65535.',
  },
  AMB1610: {
    title: 'a field is not supported yet',
    cause: 'The object uses a feature of its resource that this version does not implement.',
    remedy: 'Remove the field, or do without its effect; the rest of the object is in force.',
  },
  AMB1611: {
    title: 'a kind of object is not supported yet',
    cause: 'This version reads objects of this kind but does not act on them.',
    remedy: 'Do without it for now; VirtualService and AuthorizationPolicy are in force.',
  },
  AMB1612: {
    title: 'a policy has HTTP attributes where only connections are seen',
    cause:
      'The policy selects workloads, so node proxies enforce it, and they see no HTTP. In ALLOW policies such rules are left out, in DENY policies the attributes.',
    remedy: 'Bind the policy to a waypoint with targetRefs, or remove the HTTP attributes.',
  },
  AMB1613: {
    title: 'an object is NOT in force',
    cause:
      'The object is not valid, no valid version of it is known, and leaving it out opens nothing.',
    remedy: 'Correct the field that the message names, and check that the condition is True.',
  },
  AMB1614: {
    title: 'a route is shadowed',
    cause:
      'An earlier route of the same table takes all of its requests: routes of VirtualServices come before those of the Gateway API, closer hosts before wider ones, older objects before younger ones.',
    remedy: 'Put all routes of a host into one VirtualService, the most specific first.',
  },
  AMB1615: {
    title: 'a waypoint is asked for and not used',
    cause:
      'The waypoint is missing, not ready, of the wrong kind, or does not admit the namespace. Unless it is of the wrong kind, connections are refused.',
    remedy:
      'Make the Gateway (class istio-waypoint) that the label istio.io/use-waypoint names, and read its conditions; or take the label away. Annotation ambit.io/waypoint-failure-mode chooses what happens meanwhile.',
  },
  AMB1616: {
    title: 'the target of a policy is not served by a waypoint',
    cause: 'targetRefs name an object that does not exist or has no waypoint.',
    remedy: 'Correct targetRefs, or label the service or namespace with istio.io/use-waypoint.',
  },
  AMB1617: {
    title: 'the listeners of a waypoint are not valid',
    cause: 'A waypoint has exactly one tunnel: a listener of port 15008 and protocol HBONE.',
    remedy: 'Set spec.listeners to one entry: name mesh, port 15008, protocol HBONE.',
  },
  AMB1618: {
    title: 'a waypoint does not look at a route',
    cause:
      'Waypoints take VirtualServices from the namespace of the service and from their own, as far as exportTo lets them.',
    remedy: 'Move the VirtualService there, or correct spec.exportTo.',
  },
  AMB1619: {
    title: 'an invalid policy is closed',
    cause:
      'The policy is not valid and no valid version of it is known, so it is taken at its strictest: ALLOW allows nothing, DENY denies everything, PeerAuthentication is STRICT, for what it selects; for its whole namespace (in the root namespace: the whole mesh) when that cannot be read.',
    remedy: 'Correct the fields that the condition names, or delete the policy.',
  },
  AMB1620: {
    title: 'the last valid version of an object is not saved',
    cause:
      'The version in force in the place of an invalid one is too large to save; a restart of the controller would lose it.',
    remedy: 'Correct the object, or split it into smaller ones.',
  },
  AMB1621: {
    title: 'watching the Kubernetes API failed',
    cause: 'The API server is unreachable, or refuses the list or watch.',
    remedy: 'Check the API server and the permissions of the ServiceAccount; the watch is retried.',
  },
  AMB1622: {
    title: 'a request to the Kubernetes API failed',
    cause: 'The API server is unreachable or refused the request.',
    remedy: 'The message has the status and the reason that the API server gave.',
  },
  AMB1623: {
    title: 'a kind is not served by the Kubernetes API',
    cause: 'Its CustomResourceDefinition is not installed.',
    remedy: 'Apply deploy/crds; until then there are no objects of this kind.',
  },
  AMB1624: {
    title: 'a star in a policy is compared literally',
    cause:
      'Patterns are exact, PREFIX*, *SUFFIX or *; any other star stands for itself, so the value hardly matches anything.',
    remedy:
      'Write one star, at the beginning or the end. Paths may also use the templates {*} and {**}.',
  },
  AMB1625: {
    title: 'a saved version of an object cannot be read',
    cause: 'A ConfigMap with the label ambit.io/last-valid=true was changed by somebody else.',
    remedy: 'Nothing: it is ignored and removed. The object counts as one without a valid version.',
  },
  AMB1627: {
    title: 'a delegation between VirtualServices has no effect',
    cause:
      'The delegate does not exist, has hosts of its own, is not exported to the namespace of the one that delegates, or has a match that narrows none of its.',
    remedy:
      'Correct delegate.name and delegate.namespace, leave spec.hosts of the delegate empty, and let each of its matches lie within one of the root route; the other routes are in force.',
  },
  AMB1628: {
    title: 'a route is bound to nothing',
    cause: 'A parentRef names no Service or ServiceEntry that exists, or a port that it has not.',
    remedy:
      'Write parentRefs with group "", kind Service, the name, and if need be the namespace and port of a service that exists.',
  },
  AMB1629: {
    title: 'a route refers to another namespace without a grant',
    cause:
      'No ReferenceGrant in the namespace of the backend lets routes of this kind and namespace refer to it. In the mesh the reference works all the same, as in Istio; at a gateway it would not.',
    remedy: 'Create a ReferenceGrant in the namespace of the backend, or move one of the two.',
  },
  AMB1631: {
    title: 'a caller could not prove who it is',
    cause: 'No token, or one that the API server does not accept for the audience istio-ca.',
    remedy: 'Check the projected token of the caller (audience istio-ca) and its expiry.',
  },
  AMB1632: {
    title: 'a caller pretends to be another',
    cause: 'The namespace that a proxy claims differs from the one its token proves.',
    remedy: 'Check POD_NAMESPACE of the proxy and which token is mounted in it.',
  },
  AMB1633: {
    title: 'an identity was refused to a node proxy',
    cause:
      'The caller is not a trusted node account, or no pod with this identity runs on its node.',
    remedy:
      'Check CA_TRUSTED_NODE_ACCOUNTS, and that the pod that needs the identity is on the node of the caller.',
  },
  AMB1634: {
    title: 'a certificate signing request is not valid',
    cause: 'It cannot be parsed, its signature is wrong, or its key is too weak.',
    remedy:
      'Send a PKCS#10 request in PEM, signed with its own ECDSA P-256 or RSA key of 2048 bits.',
  },
  AMB1635: {
    title: 'a certificate was asked for a validity that is not given',
    cause: 'The validity asked for exceeds MAX_WORKLOAD_CERT_TTL_SECONDS or is below a minute.',
    remedy:
      'Ask for a minute or more and not too much, or raise MAX_WORKLOAD_CERT_TTL_SECONDS of the controller.',
  },
  AMB1636: {
    title: 'the certificate authority cannot be loaded',
    cause: 'A Secret with the key and certificate of the authority is incomplete or inconsistent.',
    remedy:
      'Correct the Secret that the message names, or delete it to have a new root made (which breaks trust until every proxy has reconnected).',
  },
  AMB1637: {
    title: 'the root certificate was exchanged in one step',
    cause:
      'Certificates in use and those issued from now on are not below a root that both sides trust, so connections fail until every proxy has renewed.',
    remedy:
      'Put the old root back into root-cert.pem beside the new one, and follow the steps of docs/certificates.md.',
  },
  AMB1638: {
    title: 'the revocation lists cannot be read',
    cause:
      'ca-crl.pem in the Secret of the authority is no PEM of complete revocation lists. Proxies keep what they were given before.',
    remedy:
      'Put complete lists (no delta or indirect ones) into it, each in a PEM block X509 CRL; an empty file takes all back.',
  },
  AMB1640: {
    title: 'another DestinationRule holds instead',
    cause:
      'Rules of one host and namespace are merged when they are exported to the same namespaces and select the same clients. Of those that differ one holds: the one that selects the waypoint, else the oldest. A closer host goes before a wider one, and the namespace of the waypoint before that of the service and the root namespace.',
    remedy: 'Give the rules the same exportTo and workloadSelector, or put all into one object.',
  },
  AMB1641: {
    title: 'a proxy refused a part of its configuration',
    cause: 'The proxy could not read a resource; it keeps the version it had.',
    remedy:
      'The message names resource and reason; versions of proxy and controller may not match.',
  },
  AMB1642: {
    title: 'a proxy speaks a protocol that the controller does not',
    cause: 'An unknown resource type, an unreadable node, or a broken order of requests.',
    remedy: 'Check that the proxy is a ztunnel or an Ambit waypoint of a matching version.',
  },
  AMB1643: {
    title: 'a DestinationRule reaches no waypoint',
    cause:
      'Waypoints obey rules of their own namespace, of the namespace of the service, and of the root namespace. None of them serves or leads to a service of that host: rules in the namespaces of clients have no effect in ambient mode.',
    remedy:
      'Put the rule into the namespace of the service, correct spec.host and spec.exportTo, or label the service with istio.io/use-waypoint.',
  },
  AMB1644: {
    title: 'a part of a DestinationRule has no effect at a waypoint',
    cause: 'The field is deprecated and does nothing, or is for proxies beside each client.',
    remedy: 'Follow what the message says of the field, or take it out.',
  },
  AMB1645: {
    title: 'a credential of a DestinationRule cannot be used',
    cause:
      'The Secret or ConfigMap that credentialName names is not in the namespace of the waypoint, lacks a key, or may not be read by the controller. Requests that need it are answered with 503 (AMB1739).',
    remedy:
      'Create it there with tls.crt, tls.key and ca.crt (of a ConfigMap only ca.crt); the condition names what is missing and where.',
  },
  AMB1646: {
    title: 'a proxy asked for credentials that it is not given',
    cause:
      'Credentials go only to a waypoint that runs as the ServiceAccount of its Gateway; the token of this proxy proves another one.',
    remedy:
      'If it is a waypoint, run it as the ServiceAccount with the name of its Gateway; otherwise find out what it is.',
  },
  AMB1650: {
    title: 'a canary waypoint is not used',
    cause:
      'It is missing, not ready, of the wrong kind, does not admit the namespace, is the first waypoint itself, or its weight is no whole number from 0 to 100.',
    remedy:
      'Correct the labels istio.io/use-waypoint-canary and -namespace, or the annotation istio.io/use-waypoint-canary-weight; the first waypoint takes everything meanwhile.',
  },
  AMB1651: {
    title: 'the controller cannot listen',
    cause: 'Its port is taken, or the address is not its own.',
    remedy: 'Stop what has the port, or give the controller another address.',
  },
  AMB1652: {
    title: 'a waypoint has no ready pod',
    cause:
      'The pods of a waypoint that services are bound to are gone or not ready. What comes of it, the message says: refused, or around the waypoint.',
    remedy:
      'Look at the Deployment of the waypoint and at its log. Annotation ambit.io/waypoint-failure-mode chooses what happens meanwhile.',
  },
  AMB1653: {
    title: 'connections go around a waypoint',
    cause:
      'The waypoint of a service cannot be used, and annotation ambit.io/waypoint-failure-mode says to do without it: no route and no policy of the waypoint applies.',
    remedy:
      'Bring the waypoint back; its Gateway and the condition on the Service tell what it lacks. Without the annotation connections would be refused.',
  },
  AMB1654: {
    title: 'a weight may not do what was meant',
    cause:
      'Weights are shares of their sum, an absent one of several is 0, and that of an only destination does not count.',
    remedy: 'Write a weight for each of several destinations, so that they add up to 100.',
  },
  AMB1660: {
    title: 'the controller may not read a kind of objects',
    cause:
      'The API server refuses to list or watch it: a permission was not given, or was withdrawn.',
    remedy:
      'Give the ServiceAccount of the controller the permissions of deploy/controller/permissions.yaml. What was read before stays in force; a controller that starts is not ready until it may read.',
  },
  AMB1661: {
    title: 'the configuration of the mesh cannot be used',
    cause:
      'The key "mesh" of the ConfigMap "istio" is no YAML, or has a field with a value that does not exist.',
    remedy:
      'Correct the field that the message names; until then the last valid version is in force, or the defaults.',
  },
  AMB1662: {
    title: 'a ServiceEntry is hidden',
    cause: 'serviceEntryVisibility of the mesh configuration gives its namespace visibility NONE.',
    remedy:
      'Ask the administrators of the mesh to let the namespace in, or remove the ServiceEntry.',
  },
  AMB1663: {
    title: 'a ServiceEntry needs a waypoint',
    cause:
      'The host of its requests is to be resolved per request, which node proxies do not see, and it has no waypoint.',
    remedy: 'Label it or its namespace istio.io/use-waypoint, or choose another resolution.',
  },
  AMB1664: {
    title: 'a host of a ServiceEntry belongs to another object',
    cause:
      'A Service, or an older ServiceEntry, of the same namespace has the host; of several the first counts.',
    remedy: 'Remove the host here, or remove the other object.',
  },
  AMB1665: {
    title: 'a host of a ServiceEntry has no address',
    cause: 'Node proxies tell services apart by address, and the host has none.',
    remedy: 'Set spec.addresses, or let the controller give it one.',
  },
  AMB1666: {
    title: 'a replica of the controller no longer leads',
    cause:
      'Its Lease could not be renewed in time, since the API server was out of reach or the process stood still, or another replica has taken it.',
    remedy:
      'Nothing, if another replica leads (/debug/leader): proxies are served by all of them. Else look at the connection to the API server.',
  },
  AMB1667: {
    title: 'the controller may not take part in the election',
    cause:
      'The API server refuses to let it read or write its Lease, and no replica writes without.',
    remedy:
      'Give the ServiceAccount of the controller the verbs get, list, watch, create and update on leases of its namespace, as in deploy/controller/permissions.yaml.',
  },
  AMB1668: {
    title: 'a change of an object cannot be read',
    cause: 'The API server, or something between, sent an event of a watch that is no event.',
    remedy:
      'None is needed once: everything of the kind is listed again. If it comes back, look at the proxy or load balancer before the API server.',
  },
  AMB1669: {
    title: 'the overrides of a waypoint cannot be used',
    cause:
      'spec.infrastructure.parametersRef names no ConfigMap that exists, or the ConfigMap, or that of the class, has a key or a value that is not known.',
    remedy:
      'Correct what the message names; keys are deployment, service, serviceAccount, horizontalPodAutoscaler and podDisruptionBudget, values strategic merge patches in YAML. Until then the waypoint stays as it is.',
  },
  AMB1670: {
    title: 'a field of a waypoint belongs to somebody else',
    cause:
      'Another field manager (kubectl edit, an autoscaler, another controller) has set it to another value.',
    remedy:
      'Nothing, if that is meant: the field is left alone. Else remove it there, or say it in the ConfigMap of spec.infrastructure.parametersRef and delete the object, which is then made again.',
  },
  AMB1671: {
    title: 'the API server refuses an object of a waypoint',
    cause: 'The object, with the overrides that users have written for it, is not valid.',
    remedy: 'Correct the ConfigMap of spec.infrastructure.parametersRef, or that of the class.',
  },
  AMB1672: {
    title: 'a ConfigMap for proxies belongs to another control plane',
    cause:
      'Istio, or a second installation, keeps the root certificate (istio-ca-root-cert) or the revocation lists of the namespace, with other content.',
    remedy:
      'Let one control plane own the namespace: label it istio.io/rev with its revision. If the other one is gone, delete the ConfigMap, which is then made anew. With the same authority (Secret cacerts) both agree.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
