// What TLS settings of DestinationRules name: which Secrets and ConfigMaps waypoints need, what is in them,
// and what authors are told of them (features section 1.2.5). Pure.

import type { Code } from '../mesh/catalogue.ts';
import type { Credential } from '../mesh/credential.ts';
import type { DestinationRules, PortPolicies } from '../mesh/destination.ts';
import type { ServiceConfig } from '../mesh/route.ts';
import type { DestinationRule } from './kinds/networking.ts';
import type { KubernetesObject } from './kinds/object.ts';
import type { Finding } from './translate/finding.ts';

/** A Secret or ConfigMap that a waypoint needs. */
export interface CredentialReference {
  readonly kind: 'Secret' | 'ConfigMap';
  readonly namespace: string;
  readonly name: string;
}

/** An object as far as it is read here: texts of a ConfigMap, base64 of a Secret. */
export interface CredentialObject extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** What is said of an object until it has been asked for. */
export const notReadYet = 'has not been read yet';

/** The object of a reference as it is now; a text says why there is none. */
export type CredentialSource = (
  reference: CredentialReference,
) => CredentialObject | string | undefined;

/** One credential of a waypoint, and the rules that name it. */
export interface CredentialUse {
  readonly reference: CredentialReference;
  /** As the rules name it. */
  readonly named: string;
  /** `NAMESPACE/NAME` of the waypoint. */
  readonly waypoint: string;
  /** `NAMESPACE/NAME` of DestinationRules. */
  readonly rules: ReadonlySet<string>;
}

const configMapScheme = 'configmap://';
/** The mesh's own authority never leaves the controller, whatever names it. */
const ownSecrets = new Set(['istio-ca-secret', 'cacerts']);

/** What the waypoints need, each once per waypoint. */
export function credentialUses(
  configs: ReadonlyMap<string, ReadonlyMap<string, ServiceConfig>>,
): CredentialUse[] {
  return [...configs].flatMap(([waypoint, services]) => {
    const uses = new Map<string, CredentialUse & { readonly rules: Set<string> }>();
    for (const { destination } of services.values()) {
      if (destination === undefined) continue;
      for (const named of namesIn(destination)) {
        const reference = referenceOf(named, waypoint.split('/')[0] ?? '');
        const use = uses.get(named) ?? { reference, named, waypoint, rules: new Set<string>() };
        for (const rule of rulesIn(destination)) use.rules.add(rule);
        uses.set(named, use);
      }
    }
    return [...uses.values()];
  });
}

/** The text that tells references apart. */
export function keyOfReference({ kind, namespace, name }: CredentialReference): string {
  return `${kind} ${namespace}/${name}`;
}

function referenceOf(named: string, namespace: string): CredentialReference {
  return named.startsWith(configMapScheme)
    ? { kind: 'ConfigMap', namespace, name: named.slice(configMapScheme.length) }
    : { kind: 'Secret', namespace, name: named };
}

function namesIn(rules: DestinationRules): Set<string> {
  const names = new Set<string>();
  const places: readonly PortPolicies[] = [rules, ...rules.subsets];
  for (const { policy, ports = [] } of places) {
    for (const one of [policy, ...ports.map((port) => port.policy)]) {
      const name = one?.tls?.credentialName;
      if (name !== undefined && name !== '') names.add(name);
    }
  }
  return names;
}

/** The rules that a policy was made from. */
function rulesIn({ origin }: DestinationRules): string[] {
  return [...origin.matchAll(/DestinationRule ([^\s,;]+\/[^\s,;]+)/g)].map(([, name = '']) => name);
}

/** A credential as the waypoint gets it. */
export function credentialOf(
  { reference, named }: CredentialUse,
  source: CredentialSource,
): Credential {
  const what = keyOfReference(reference);
  const fail = (problem: string): Credential => ({ name: named, problem: `${what} ${problem}` });
  if (reference.kind === 'Secret' && ownSecrets.has(reference.name)) {
    return fail('is the authority of the mesh itself');
  }
  const object = source(reference);
  if (object === undefined) return fail('does not exist');
  if (typeof object === 'string') return fail(object);
  const texts = textsOf(object, reference.kind);
  const read = (...keys: readonly string[]): string | undefined =>
    keys.map((key) => texts.get(key)).find((text) => text !== undefined && text.trim() !== '');
  const authorities = read('ca.crt', 'cacert');
  const revocationLists = read('ca.crl', 'crl');
  const known = {
    name: named,
    ...(authorities !== undefined && { authorities }),
    ...(revocationLists !== undefined && { revocationLists }),
  };
  if (reference.kind === 'ConfigMap') {
    return authorities === undefined ? fail('has no key ca.crt') : known;
  }
  const certificateChain = read('tls.crt', 'cert');
  const privateKey = read('tls.key', 'key');
  if ((certificateChain === undefined) !== (privateKey === undefined)) {
    return fail(
      `has ${privateKey === undefined ? 'tls.crt without tls.key' : 'tls.key without tls.crt'}`,
    );
  }
  if (certificateChain === undefined && authorities === undefined) {
    return fail('has none of the keys tls.crt, tls.key and ca.crt');
  }
  return {
    ...known,
    ...(certificateChain !== undefined && { certificateChain }),
    ...(privateKey !== undefined && { privateKey }),
  };
}

function textsOf({ data = {} }: CredentialObject, kind: CredentialReference['kind']) {
  return new Map(
    Object.entries(data).map(([key, text]) => [
      key,
      kind === 'Secret' ? Buffer.from(text, 'base64').toString() : text,
    ]),
  );
}

const resolvedType = 'ambit.io/ResolvedCredentials';

/** Conditions on the rules that name credentials. */
export function credentialFindings(
  uses: readonly CredentialUse[],
  source: CredentialSource,
  rules: readonly DestinationRule[],
): Finding[] {
  return rules.flatMap((rule): Finding[] => {
    const { namespace = '', name } = rule.metadata;
    const own = uses.filter((use) => use.rules.has(`${namespace}/${name}`) && mentions(rule, use));
    if (own.length === 0 || own.some(({ reference }) => source(reference) === notReadYet))
      return [];
    const object = { kind: 'DestinationRule', namespace, name } as const;
    const problems = own.flatMap((use) => {
      const { problem } = credentialOf(use, source);
      return problem === undefined ? [] : [`waypoint ${use.waypoint}: ${problem}`];
    });
    if (problems.length === 0) {
      const message = 'all credentials are there';
      return [{ object, type: resolvedType, status: 'True', reason: 'Resolved', message }];
    }
    const code: Code = 'AMB1645';
    const message = `${code} ${problems.join('; ')}; requests are answered with 503`;
    const reason = 'CredentialNotFound';
    return [{ object, type: resolvedType, status: 'False', reason, message, code }];
  });
}

/** Of several rules that were merged, those that name it themselves. */
function mentions({ spec }: DestinationRule, { named }: CredentialUse): boolean {
  return JSON.stringify(spec ?? {}).includes(`"credentialName":${JSON.stringify(named)}`);
}
