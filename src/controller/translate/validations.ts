// One object and what is wrong with it: the validation that the webhook, `ambit validate` and, where a kind
// is watched, the controller share (features section 7).

import type { VirtualService } from '../kinds/networking.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import { dryRunAnnotation } from './authorizations.ts';
import type { Problem } from './finding.ts';
import { unreachedRules } from './unreached-rules.ts';
import { attempt } from './valid-versions.ts';
import { validateDestinationRule, warnOfDestinationRule } from './validate-destination-rules.ts';
import { validateWorkloadEntry, warnOfWorkloadEntry } from './validate-endpoints.ts';
import {
  validateEnvoyFilter,
  validateTrafficExtension,
  validateWasmPlugin,
} from './validate-extensions.ts';
import {
  validateConnectionRoute,
  validateGrpcRoute,
  validateHttpRoute,
} from './validate-gateway-routes.ts';
import { validateGateway, warnOfGateway } from './validate-gateways.ts';
import {
  validateAuthorizationPolicy,
  validatePeerAuthentication,
  warnOfAuthorizationPolicy,
} from './validate-policies.ts';
import {
  validateRequestAuthentication,
  warnOfRequestAuthentication,
} from './validate-request-authentications.ts';
import { validateVirtualService } from './validate-routes.ts';
import { validateServiceEntry, warnOfServiceEntry } from './validate-service-entries.ts';
import {
  validateProxyConfig,
  validateSidecar,
  validateWorkloadGroup,
  warnOfSidecar,
} from './validate-sidecars.ts';
import { validateTelemetry, warnOfTelemetry } from './validate-telemetries.ts';
import { warnOfVirtualService } from './warn-of-routes.ts';
import { warnOfNoWeight } from './warn-weights.ts';
import { withoutNulls } from './without-nulls.ts';

/** What validation says of an object. Warnings are given of valid objects only. */
export interface Validated {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** How a kind is judged. */
interface Validation {
  readonly problems: (object: KubernetesObject) => readonly Problem[];
  readonly warnings: (object: KubernetesObject) => readonly Problem[];
}

/** An object of the API server may have any form; what a judge trips over is a problem of the object. */
function judge<T extends KubernetesObject>(
  validate: (object: T) => readonly Problem[],
  warn: (object: T) => readonly Problem[] = () => [],
): Validation {
  return {
    problems: (object) => attempt(object as T, validate),
    warnings: (object) => attempt(object as T, warn),
  };
}

/** Whether the object is kept and has no effect in ambient mode, at least here. */
const inert = new Set([
  'networking.istio.io/Gateway',
  'networking.istio.io/Sidecar',
  'networking.istio.io/WorkloadGroup',
  'networking.istio.io/EnvoyFilter',
  'networking.istio.io/ProxyConfig',
  'security.istio.io/RequestAuthentication',
  'telemetry.istio.io/Telemetry',
  'extensions.istio.io/WasmPlugin',
  'extensions.istio.io/TrafficExtension',
]);

/** Beside what the status tells of a valid one: there what is never reached is found in what was compiled. */
function warnOfRoutes(object: VirtualService): Problem[] {
  const unreached = unreachedRules(object).map(
    ({ field, text }): Problem => ({ code: 'AMB1614', field, text }),
  );
  return [...warnOfVirtualService(object), ...unreached];
}

const validations: ReadonlyMap<string, Validation> = new Map([
  ['networking.istio.io/VirtualService', judge(validateVirtualService, warnOfRoutes)],
  ['networking.istio.io/DestinationRule', judge(validateDestinationRule, warnOfDestinationRule)],
  ['networking.istio.io/ServiceEntry', judge(validateServiceEntry, warnOfServiceEntry)],
  ['networking.istio.io/WorkloadEntry', judge(validateWorkloadEntry, warnOfWorkloadEntry)],
  ['networking.istio.io/WorkloadGroup', judge(validateWorkloadGroup)],
  ['networking.istio.io/Gateway', judge(validateGateway, warnOfGateway)],
  ['networking.istio.io/Sidecar', judge(validateSidecar, warnOfSidecar)],
  ['networking.istio.io/EnvoyFilter', judge(validateEnvoyFilter)],
  ['networking.istio.io/ProxyConfig', judge(validateProxyConfig)],
  [
    'security.istio.io/AuthorizationPolicy',
    judge(validateAuthorizationPolicy, warnOfAuthorizationPolicy),
  ],
  ['security.istio.io/PeerAuthentication', judge(validatePeerAuthentication)],
  [
    'security.istio.io/RequestAuthentication',
    judge(validateRequestAuthentication, warnOfRequestAuthentication),
  ],
  ['telemetry.istio.io/Telemetry', judge(validateTelemetry, warnOfTelemetry)],
  ['extensions.istio.io/WasmPlugin', judge(validateWasmPlugin)],
  ['extensions.istio.io/TrafficExtension', judge(validateTrafficExtension)],
  ['gateway.networking.k8s.io/HTTPRoute', judge(validateHttpRoute, warnOfNoWeight)],
  ['gateway.networking.k8s.io/GRPCRoute', judge(validateGrpcRoute, warnOfNoWeight)],
  ['gateway.networking.k8s.io/TCPRoute', judge(validateConnectionRoute, warnOfNoWeight)],
  ['gateway.networking.k8s.io/TLSRoute', judge(validateConnectionRoute, warnOfNoWeight)],
]);

const members = new Set(['apiVersion', 'kind', 'metadata', 'spec', 'status']);

/** Judges an object; undefined when there are no rules for its kind. Versions of a kind do not differ. */
export function validateObject(written: KubernetesObject): Validated | undefined {
  const { apiVersion, kind } = written;
  const name = `${apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')))}/${kind}`;
  const validation = validations.get(name);
  if (validation === undefined) return undefined;
  const object = withoutNulls(written);
  const problems = [
    ...topProblems(written),
    ...annotationProblems(object),
    ...validation.problems(object),
  ];
  if (problems.length > 0) return { problems, warnings: [] };
  const text = `${kind} is kept, and nothing acts on it in this version of Ambit`;
  const without: Problem[] = inert.has(name) ? [{ code: 'AMB1611', field: 'kind', text }] : [];
  return { problems, warnings: [...without, ...validation.warnings(object)] };
}

/** Fields that stand beside spec, most often by a mistake of indentation. */
function topProblems(object: KubernetesObject): Problem[] {
  const { metadata } = object;
  const spec: unknown = object.spec ?? {};
  const isForm = typeof spec === 'object' && !Array.isArray(spec);
  return [
    ...Object.keys(object)
      .filter((field) => !members.has(field))
      .map((field): Problem => {
        const text = `unknown field on ${object.kind} ${metadata.namespace ?? ''}/${metadata.name}; does it belong below spec?`;
        return { code: 'AMB1683', field, text };
      }),
    ...(isForm ? [] : [{ code: 'AMB1601', field: 'spec', text: 'must be an object' } as const]),
  ];
}

function annotationProblems({ kind, metadata, spec }: KubernetesObject): Problem[] {
  return Object.entries(metadata.annotations ?? {}).flatMap(([name, value]): Problem[] => {
    const field = `metadata.annotations["${name}"]`;
    if (name.startsWith('internal.istio.io/')) {
      return [{ code: 'AMB1684', field, text: 'is reserved for internal use; remove it' }];
    }
    if (name !== dryRunAnnotation) return [];
    const { action = 'ALLOW' } = (spec ?? {}) as { action?: string };
    if (kind !== 'AuthorizationPolicy' || !['ALLOW', 'DENY'].includes(action)) {
      const text = 'is only allowed on an AuthorizationPolicy with action ALLOW or DENY';
      return [{ code: 'AMB1684', field, text }];
    }
    const isFlag = /^(1|t|true|0|f|false)$/i.test(value);
    return isFlag ? [] : [{ code: 'AMB1684', field, text: `"${value}" must be true or false` }];
  });
}
