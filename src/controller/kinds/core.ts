// Kubernetes' own kinds, as far as the controller reads them.

import type { KubernetesObject, StatusWithConditions } from './object.ts';

export type Namespace = KubernetesObject;

export type Node = KubernetesObject;

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly protocol?: string;
}

export interface PodSpec {
  readonly nodeName?: string;
  readonly serviceAccountName?: string;
  readonly hostNetwork?: boolean;
  readonly containers?: readonly { readonly ports?: readonly ContainerPort[] }[];
  readonly initContainers?: readonly {
    readonly ports?: readonly ContainerPort[];
    readonly restartPolicy?: string;
  }[];
}

export interface PodStatus extends StatusWithConditions {
  readonly phase?: string;
  readonly podIP?: string;
  readonly podIPs?: readonly { readonly ip: string }[];
}

export type Pod = KubernetesObject<PodSpec, PodStatus>;

export interface ServicePortSpec {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly protocol?: string;
  readonly appProtocol?: string;
}

export interface ServiceSpec {
  readonly type?: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
  readonly ipFamilies?: readonly string[];
  readonly ports?: readonly ServicePortSpec[];
  readonly publishNotReadyAddresses?: boolean;
  readonly internalTrafficPolicy?: string;
  readonly trafficDistribution?: string;
}

export type ServiceObject = KubernetesObject<ServiceSpec, StatusWithConditions>;

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean };
  readonly nodeName?: string;
  readonly targetRef?: {
    readonly kind?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
}

/** An EndpointSlice has no spec: its fields are at the top. */
export interface EndpointSlice extends KubernetesObject {
  readonly endpoints?: readonly SliceEndpoint[];
  readonly ports?: readonly {
    readonly name?: string;
    readonly port?: number;
    readonly protocol?: string;
  }[];
}

export interface DeploymentStatus extends StatusWithConditions {
  readonly readyReplicas?: number;
}

export type Deployment = KubernetesObject<unknown, DeploymentStatus>;

/** A ConfigMap has no spec: its texts are at the top. */
export interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}
