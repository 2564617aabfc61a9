// The environment of a container from its spec and the objects it refers to. Pure.
// Follows https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/

import type { ApiObject } from '../api/store.ts';
import { type FieldValue, fieldValue, type PodPlace, resourceValue } from './downward.ts';
import type { Container, EnvEntry, EnvFromEntry, Pod } from './pod-types.ts';

/** Reads a ConfigMap or Secret of the pod's namespace. */
export type ObjectReader = (kind: 'configmaps' | 'secrets', name: string) => ApiObject | undefined;

/** The environment, or the field that cannot be resolved (yet) and why. */
export type EnvironmentResult =
  | { readonly kind: 'ok'; readonly env: ReadonlyMap<string, string> }
  | { readonly kind: 'missing'; readonly field: string; readonly problem: string };

/** Resolves `envFrom`, then `env`; later entries win and may refer to earlier ones as `$(NAME)`.
 * `base` is what every container gets; it loses against the container's own. */
export function containerEnvironment(
  container: Container,
  pod: Pod,
  place: PodPlace,
  read: ObjectReader,
  base: ReadonlyMap<string, string>,
): EnvironmentResult {
  const env = new Map(base);
  for (const [index, entry] of (container.envFrom ?? []).entries()) {
    const result = addAll(env, entry, read);
    if (result !== undefined) return missing(container, `envFrom[${index}]`, result);
  }
  for (const [index, entry] of (container.env ?? []).entries()) {
    const result = entryValue(entry, container, pod, place, read, env);
    if (result === undefined) continue;
    if ('problem' in result) return missing(container, `env[${index}]`, result.problem);
    env.set(entry.name, result.value);
  }
  return { kind: 'ok', env };
}

function missing(container: Container, field: string, problem: string): EnvironmentResult {
  return { kind: 'missing', field: `containers[${container.name}].${field}`, problem };
}

function addAll(
  env: Map<string, string>,
  entry: EnvFromEntry,
  read: ObjectReader,
): string | undefined {
  const secret = entry.secretRef !== undefined;
  const reference = entry.secretRef ?? entry.configMapRef;
  const name = reference?.name ?? '';
  const object = read(secret ? 'secrets' : 'configmaps', name);
  if (object === undefined) {
    return reference?.optional === true ? undefined : `${kindWord(secret)} ${name} does not exist`;
  }
  for (const [key, bytes] of objectEntries(object)) {
    env.set(`${entry.prefix ?? ''}${key}`, bytes.toString('utf8'));
  }
  return undefined;
}

/** undefined leaves the variable unset: an optional reference to nothing. */
function entryValue(
  entry: EnvEntry,
  container: Container,
  pod: Pod,
  place: PodPlace,
  read: ObjectReader,
  env: ReadonlyMap<string, string>,
): FieldValue | undefined {
  const source = entry.valueFrom;
  if (source === undefined) return { value: expand(entry.value ?? '', env) };
  if (source.fieldRef !== undefined) return fieldValue(pod, place, source.fieldRef.fieldPath);
  if (source.resourceFieldRef !== undefined) {
    return resourceValue(container, place, source.resourceFieldRef);
  }
  const secret = source.secretKeyRef !== undefined;
  const reference = source.secretKeyRef ?? source.configMapKeyRef;
  if (reference === undefined) return { problem: 'valueFrom names no source that is supported' };
  const name = reference.name ?? '';
  const object = read(secret ? 'secrets' : 'configmaps', name);
  const bytes = object === undefined ? undefined : objectEntries(object).get(reference.key);
  if (bytes !== undefined) return { value: bytes.toString('utf8') };
  if (reference.optional === true) return undefined;
  const what = object === undefined ? 'does not exist' : `has no key ${reference.key}`;
  return { problem: `${kindWord(secret)} ${name} ${what}` };
}

function kindWord(secret: boolean): string {
  return secret ? 'Secret' : 'ConfigMap';
}

/** The entries of a ConfigMap or Secret as bytes. */
export function objectEntries(object: ApiObject): Map<string, Buffer> {
  const text = object.kind === 'Secret' ? [] : Object.entries(record(object['data']));
  const encoded = Object.entries(record(object[object.kind === 'Secret' ? 'data' : 'binaryData']));
  return new Map([
    ...text.map(([key, value]): [string, Buffer] => [key, Buffer.from(value, 'utf8')]),
    ...encoded.map(([key, value]): [string, Buffer] => [key, Buffer.from(value, 'base64')]),
  ]);
}

function record(value: unknown): Record<string, string> {
  return typeof value === 'object' && value !== null ? (value as Record<string, string>) : {};
}

/** Replaces `$(NAME)` by the variable's value; unknown names stay, `$$` is a literal `$`. */
export function expand(text: string, env: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^()]+)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (env.get(name) ?? whole),
  );
}
