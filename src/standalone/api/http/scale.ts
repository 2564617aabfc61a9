// The scale subresource: the number of replicas of a workload, in the same form for every kind.

import { methodNotAllowed, notFound } from '../api-error.ts';
import { applyObject } from '../apply/apply-object.ts';
import { copyJson, isRecord, type JsonRecord, numberAt, valueAt } from '../json.ts';
import { apiVersionOf, type Kind, type ScalePaths } from '../kinds/kind.ts';
import { patchedBy } from '../patch/patch.ts';
import { selectorText } from '../selectors/selector-text.ts';
import type { ApiObject } from '../store.ts';
import { changeObject } from '../writes/change-object.ts';
import { findObject, subjectOf } from '../writes/core.ts';
import { sendJson } from './exchange.ts';
import { mediaType } from './read-body.ts';
import { type ResourceRequest, readWrite } from './resource-request.ts';
import { writeOf } from './write-options.ts';

/** Answers a request on `/scale`. */
export async function answerScale(request: ResourceRequest, name: string): Promise<void> {
  const { core, exchange, kind, path } = request;
  const paths = kind.scale;
  if (paths === undefined) throw notFound(subjectOf({ kind }, name));
  if (exchange.method === 'GET') {
    const found = findObject(
      core,
      writeOf(exchange, kind, path.version, path.namespace, undefined),
      name,
    );
    if (found === undefined) throw notFound(subjectOf({ kind }, name));
    sendJson(exchange, 200, scaleOf(paths, found));
    return;
  }
  if (exchange.method !== 'PUT' && exchange.method !== 'PATCH') {
    throw methodNotAllowed(`${exchange.method} on scale`);
  }
  const { write, body } = await readWrite(request);
  const type = exchange.method === 'PUT' ? undefined : mediaType(exchange);
  if (type === 'application/apply-patch+yaml') {
    const configuration = appliedReplicas(kind, path.version, name, paths, body?.value);
    const force = exchange.query.get('force') === 'true';
    const applied = applyObject(core, write, name, configuration, { force });
    sendJson(exchange, 200, scaleOf(paths, applied.object));
    return;
  }
  const wanted = (current: ApiObject): unknown => {
    const before = scaleOf(paths, current);
    const after =
      type === undefined ? body?.value : patchedBy(type, before, body?.value, undefined);
    const version = valueAt(after, 'metadata', 'resourceVersion');
    if (typeof version === 'string' && version !== '') current.metadata.resourceVersion = version;
    setAt(current, paths.specReplicas, numberAt(after, 'spec', 'replicas') ?? 0);
    return current;
  };
  const changed = changeObject(core, write, name, { wanted });
  sendJson(exchange, 200, scaleOf(paths, changed));
}

function appliedReplicas(
  kind: Kind,
  version: string,
  name: string,
  paths: ScalePaths,
  scale: unknown,
): ApiObject {
  const object: ApiObject = {
    apiVersion: apiVersionOf(kind.group, version),
    kind: kind.kind,
    metadata: { name },
  };
  setAt(object, paths.specReplicas, numberAt(scale, 'spec', 'replicas') ?? 0);
  return object;
}

/** autoscaling/v1 Scale of an object. */
function scaleOf(paths: ScalePaths, object: ApiObject): JsonRecord {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.selector === undefined ? undefined : valueAt(object, ...paths.selector);
  const text = typeof selector === 'string' ? selector : selectorText(selector);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: copyJson({ name, namespace, uid, resourceVersion, creationTimestamp }),
    spec: { replicas: numberAt(object, ...paths.specReplicas) ?? 0 },
    status: {
      replicas: numberAt(object, ...paths.statusReplicas) ?? 0,
      ...(text === '' ? {} : { selector: text }),
    },
  };
}

function setAt(object: ApiObject, path: readonly string[], value: number): void {
  let current: JsonRecord = object;
  for (const name of path.slice(0, -1)) {
    const next = current[name];
    const record: JsonRecord = isRecord(next) ? next : {};
    current[name] = record;
    current = record;
  }
  current[path.at(-1) ?? ''] = value;
}
