// Codes of the commands by which namespaces join the mesh and its waypoints.

import type { CatalogueEntry } from './entry.ts';

export const joiningCodes = {
  AMB1857: {
    title: 'the Gateway API is not installed',
    cause: 'Waypoints are Gateways, and the cluster has no CustomResourceDefinition of that kind.',
    remedy:
      'ambit install brings the definitions that it needs; or apply those of the Gateway API project, v1.1 or newer.',
  },
  AMB1858: {
    title: 'the namespace uses another waypoint',
    cause: 'Its label istio.io/use-waypoint names another waypoint than the one that was applied.',
    remedy: 'Give --overwrite to replace it, or leave --enroll-namespace out.',
  },
  AMB1859: {
    title: 'a waypoint did not become ready in time',
    cause:
      'Its pod does not start or is not ready, or no controller serves Gateways of its class and revision.',
    remedy:
      'ambit waypoint status and kubectl describe pod tell why; a longer --waypoint-timeout waits longer.',
  },
  AMB1860: {
    title: 'there is no such namespace',
    cause: 'The namespace that was given, or that of the context, does not exist.',
    remedy: 'kubectl get namespaces lists them; -n chooses one.',
  },
  AMB1861: {
    title: 'a NetworkPolicy holds back the tunnels of the mesh',
    cause:
      'Between two pods of the mesh connections go to TCP port 15008 of the server. A NetworkPolicy lets only the ports of the application through.',
    remedy:
      'Let the same peers reach TCP port 15008 (from the waypoint too, where there is one), in ingress and egress, before the namespace is enrolled.',
  },
  AMB1862: {
    title: 'a pod stays outside the mesh',
    cause:
      'It uses the network of its node, has a sidecar, is labelled istio.io/dataplane-mode=none, or its namespace is excluded by the node agents.',
    remedy:
      'Nothing, where that is wanted: it goes on in plain text, which STRICT refuses. Else take the cause away and start the pod again.',
  },
  AMB1863: {
    title: 'a probe may fail once its pod is in the mesh',
    cause:
      'The mesh exempts what the kubelet sends to the pod itself, from 169.254.7.127. A probe goes elsewhere, or a network plugin holds that address back.',
    remedy: 'Probe the pod itself (no host field); with Cilium let 169.254.7.127/32 in by policy.',
  },
  AMB1864: {
    title: 'open connections end when a pod joins the mesh',
    cause:
      'A connection that began past the mesh would stay past it for as long as it lives, so the node agent ends it.',
    remedy: 'Clients that connect again notice little. Choose a quiet time for those that do not.',
  },
  AMB1865: {
    title: 'another mesh has its hands on the traffic',
    cause:
      'A proxy of another mesh, or its injection, is active: two sets of rules would redirect the same packets.',
    remedy:
      'Remove the other mesh from the namespace (its label or annotation), start the pods again, then enrol.',
  },
  AMB1866: {
    title: 'a pod uses a port of the node proxy',
    cause: 'Ports 15001, 15006, 15008 and 15053 are taken in every pod of the mesh.',
    remedy: 'Move the application to another port, or label the pod istio.io/dataplane-mode=none.',
  },
  AMB1867: {
    title: 'a server that speaks first behind a waypoint',
    cause:
      'A waypoint reads what the client says to tell the protocol of a port that declares none. Client and server would both wait.',
    remedy: 'Set appProtocol: tcp on the port of the Service, or begin its name with tcp-.',
  },
  AMB1868: {
    title: 'the mesh is not ready for the namespace',
    cause:
      'The controller, the node agent or ztunnel of a node with pods of it, or the waypoint that it uses is not ready.',
    remedy:
      'ambit status, ambit waypoint status and kubectl get pods -n istio-system tell what is wrong; enrol when all of it is ready.',
  },
  AMB1869: {
    title: 'pods did not join the mesh in time',
    cause: 'The node agent of their node could not enrol them, or has not come to it yet.',
    remedy:
      'Events of the pod (kubectl describe pod) and the log of istio-cni-node on its node say why; they are tried again.',
  },
  AMB1870: {
    title: 'clients outside the mesh will be refused',
    cause: 'A PeerAuthentication demands mutual TLS, which only clients in the mesh speak.',
    remedy:
      'Set mode PERMISSIVE for the namespace until ztunnel sees no more plain connections, then STRICT.',
  },
  AMB1871: {
    title: 'the namespace enforces a Pod Security level',
    cause: 'Joining the mesh changes no pod, but pods of waypoints in it must pass the level too.',
    remedy: 'Nothing, or put the waypoint into another namespace: istio.io/use-waypoint-namespace.',
  },
  AMB1872: {
    title: 'the namespace was not enrolled',
    cause: 'The check found what would break, and nobody has confirmed that it may.',
    remedy: 'Mend what the findings say; --yes enrols in spite of them.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
