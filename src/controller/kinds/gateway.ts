// gateway.networking.k8s.io: Gateway and GatewayClass (features section 5).

import type { Condition, KubernetesObject } from './object.ts';

export interface ListenerSpec {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly allowedRoutes?: {
    readonly namespaces?: {
      readonly from?: 'All' | 'Same' | 'Selector' | 'None';
      readonly selector?: {
        readonly matchLabels?: Readonly<Record<string, string>>;
        readonly matchExpressions?: readonly {
          readonly key: string;
          readonly operator: string;
          readonly values?: readonly string[];
        }[];
      };
    };
  };
}

export interface GatewaySpec {
  readonly gatewayClassName: string;
  readonly listeners?: readonly ListenerSpec[];
  readonly addresses?: readonly { readonly type?: string; readonly value: string }[];
  readonly infrastructure?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly parametersRef?: {
      readonly group?: string;
      readonly kind: string;
      readonly name: string;
    };
  };
}

export interface GatewayStatus {
  readonly addresses?: readonly { readonly type?: string; readonly value: string }[];
  readonly conditions?: readonly Condition[];
  readonly listeners?: readonly ListenerStatus[];
}

export interface ListenerStatus {
  readonly name: string;
  readonly attachedRoutes: number;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly conditions: readonly Condition[];
}

export type Gateway = KubernetesObject<GatewaySpec, GatewayStatus>;

export interface GatewayClassSpec {
  readonly controllerName: string;
}

export type GatewayClass = KubernetesObject<GatewayClassSpec>;
