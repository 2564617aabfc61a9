// What the check of an enrolment looks at, taken from objects of the API once. No decisions here.

import type { Condition } from '../waypoint/gateways.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
}

export interface Probe {
  readonly httpGet?: { readonly host?: string; readonly port: number | string };
  readonly tcpSocket?: { readonly host?: string; readonly port: number | string };
  readonly grpc?: { readonly port: number };
}

export interface ContainerPort {
  readonly containerPort: number;
  readonly name?: string;
}

export interface Container {
  readonly name: string;
  readonly ports?: readonly ContainerPort[];
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
}

/** A Pod. */
export interface PodObject {
  readonly metadata: Metadata;
  readonly spec?: {
    readonly hostNetwork?: boolean;
    readonly nodeName?: string;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly conditions?: readonly Condition[];
  };
}

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly protocol?: string;
  readonly appProtocol?: string;
}

/** A Service. */
export interface ServiceObject {
  readonly metadata: Metadata;
  readonly spec?: { readonly ports?: readonly ServicePort[] };
}

export interface PolicyPort {
  readonly protocol?: string;
  readonly port?: number | string;
  readonly endPort?: number;
}

/** Selectors are those of Kubernetes, as they came. */
export interface PolicyPeer {
  readonly podSelector?: object;
  readonly namespaceSelector?: object;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

/** A rule of either direction; `peers` is what `from` or `to` says. */
export interface PolicyRule {
  readonly ports?: readonly PolicyPort[];
  readonly from?: readonly PolicyPeer[];
  readonly to?: readonly PolicyPeer[];
}

/** A NetworkPolicy. */
export interface NetworkPolicyObject {
  readonly metadata: Metadata;
  readonly spec?: {
    readonly podSelector?: object;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly PolicyRule[];
    readonly egress?: readonly PolicyRule[];
  };
}

/** A PeerAuthentication. */
export interface PeerAuthenticationObject {
  readonly metadata: Metadata;
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Labels };
    readonly mtls?: { readonly mode?: string };
  };
}

/** Connections that node proxies have open to or from pods of the namespace. */
export interface LiveConnections {
  readonly known: number;
  /** Node proxies that did not tell. */
  readonly silent: readonly string[];
}

/** All that is looked at. */
export interface EnrolmentFacts {
  /** The namespace to enrol. */
  readonly namespace: string;
  /** Labels of every namespace. */
  readonly namespaces: ReadonlyMap<string, Labels>;
  /** Where the mesh's own parts run. */
  readonly meshNamespace: string;
  /** Of all namespaces. */
  readonly pods: readonly PodObject[];
  /** Of the namespace. */
  readonly services: readonly ServiceObject[];
  /** Of all namespaces. */
  readonly policies: readonly NetworkPolicyObject[];
  /** Kinds of policies that are not evaluated, with how many there are; 0 where only the kind is known. */
  readonly otherPolicies: ReadonlyMap<string, number>;
  readonly peerAuthentications: readonly PeerAuthenticationObject[];
  /** Namespaces that the node agents leave alone. */
  readonly excluded: ReadonlySet<string>;
  readonly connections: LiveConnections;
}
