// Applies objects to the store in an order that works: namespaces and definitions first, and kinds that
// such a definition brings once it is known.

import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import { StatusError } from '../api/api-error.ts';
import { noteOn } from '../api/kinds/built-in.ts';
import type { ApiObject, ObjectStore } from '../api/store.ts';
import { isNamespaced } from './kind-names.ts';
import type { ReadObject } from './read-manifests.ts';

export interface ApplyOptions {
  readonly store: ObjectStore;
  readonly fieldManager: string;
  readonly clock: Clock;
  /** Labels that every object gets. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What happens to fields that their kind does not have; dropped unless said. */
  readonly unknownFields?: 'Ignore' | 'Strict';
  /** What happens to objects of kinds that the API server does not serve. */
  readonly unknownKinds: 'report' | 'skip';
}

export interface Applied {
  readonly objects: readonly ApiObject[];
  readonly problems: readonly AmbitError[];
  /** Kinds that were skipped. */
  readonly skipped: ReadonlySet<string>;
}

/** A definition is served a moment after it was applied. */
const definitionRounds = 20;
const definitionPollMs = 10;

const first: readonly string[] = ['Namespace', 'CustomResourceDefinition', 'ServiceAccount'];

/** Applies what can be applied, and says why the rest cannot. */
export async function applyObjects(
  objects: readonly ReadObject[],
  options: ApplyOptions,
): Promise<Applied> {
  const applied: ApiObject[] = [];
  const problems: AmbitError[] = [];
  const skipped = new Set<string>();
  const rank = ({ object }: ReadObject): number => {
    const index = first.indexOf(object.kind);
    return index === -1 ? first.length : index;
  };
  for (const read of objects.toSorted((left, right) => rank(left) - rank(right))) {
    const outcome = await applyOne(read, options);
    const note = noteOn(read.object.apiVersion, read.object.kind);
    if (note !== undefined && options.unknownKinds === 'report') problems.push(inert(read, note));
    if (!(outcome instanceof Error)) applied.push(outcome);
    else if (isUnknownKind(outcome) && options.unknownKinds === 'skip') {
      skipped.add(`${read.object.apiVersion} ${read.object.kind}`);
    } else problems.push(refused(read, outcome));
  }
  return { objects: applied, problems, skipped };
}

async function applyOne(read: ReadObject, options: ApplyOptions): Promise<ApiObject | Error> {
  const { store, clock, fieldManager, labels, unknownFields } = options;
  const custom = read.object.apiVersion.includes('.');
  for (let round = 1; ; round++) {
    try {
      return store.apply(placed(store, read.object, labels), fieldManager, unknownFields);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const again = custom && isUnknownKind(error) && isDefined(store, read.object);
      if (!again || round === definitionRounds) return error;
      await clock.wait(definitionPollMs);
    }
  }
}

/** The object in the namespace it belongs to, with labels. */
function placed(store: ObjectStore, object: ApiObject, labels: ApplyOptions['labels']): ApiObject {
  const { metadata } = object;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(isNamespaced(store, object) ? { namespace: metadata.namespace ?? 'default' } : {}),
      ...(labels === undefined ? {} : { labels: { ...metadata.labels, ...labels } }),
    },
  };
}

function isUnknownKind(error: Error): boolean {
  return error instanceof StatusError && error.code === 'AMB1207';
}

/** Whether a definition of the object's kind exists, served or not yet. */
function isDefined(store: ObjectStore, object: ApiObject): boolean {
  const group = object.apiVersion.split('/')[0];
  return store.list('apiextensions.k8s.io/customresourcedefinitions').some(({ spec }) => {
    const definition = spec as { group?: string; names?: { kind?: string } };
    return definition.group === group && definition.names?.kind === object.kind;
  });
}

/** It was applied, and has no effect. */
function inert({ origin }: ReadObject, note: string): AmbitError {
  return new AmbitError('AMB1121', note, { object: origin });
}

function refused({ object, origin }: ReadObject, error: Error): AmbitError {
  const { namespace, name } = object.metadata;
  const what = `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  const causes = error instanceof StatusError ? error.status.details?.causes : undefined;
  const field = causes?.[0]?.field;
  return new AmbitError('AMB1107', `${what}: ${causeChain(error)}`, {
    object: origin,
    ...(field === undefined ? {} : { field }),
  });
}
