// Requests for objects: which operation a method and path mean.

import { methodNotAllowed, noSuchPath, notFound, StatusError } from '../api-error.ts';
import { applyObject } from '../apply/apply-object.ts';
import { isRecord, numberAt, textAt } from '../json.ts';
import { kindName, versionOf } from '../kinds/kind.ts';
import { isPatchType, patchedBy } from '../patch/patch.ts';
import type { ApiObject, DeleteOptions } from '../store.ts';
import { changeObject, replaceObject } from '../writes/change-object.ts';
import { findObject, subjectOf } from '../writes/core.ts';
import { createObject } from '../writes/create-object.ts';
import { deleteObject } from '../writes/delete-object.ts';
import { admitDeletion, admitted } from './admitted.ts';
import { type Exchange, sendJson } from './exchange.ts';
import { isSelected, listPage, selectionOf } from './list-objects.ts';
import { mediaType, type ParsedBody, readBody } from './read-body.ts';
import { type ResourceRequest, readWrite } from './resource-request.ts';
import { answerScale } from './scale.ts';
import { shownList, shownObject, watchShow } from './show.ts';
import { watchObjects } from './watch-objects.ts';
import { dryRunOf, writeOf } from './write-options.ts';

/** Answers a request on a collection, an object, its status or its scale. */
export async function answerResource(request: ResourceRequest): Promise<void> {
  const { path, kind, exchange } = request;
  const deprecation = versionOf(kind, path.version)?.deprecationWarning;
  if (deprecation !== undefined) exchange.warnings.add(deprecation);
  const isRead = exchange.method === 'GET' || exchange.method === 'HEAD';
  if (kind.note !== undefined && !isRead) exchange.warnings.add(kind.note);
  if (path.name === undefined) await answerCollection(request);
  else if (path.subresource === 'scale' && kind.scale !== undefined) {
    await answerScale(request, path.name);
  } else if (isKnownSubresource(request)) await answerObject(request, path.name);
  else throw noSuchPath();
}

function isKnownSubresource({ path, kind }: ResourceRequest): boolean {
  if (path.subresource === undefined) return true;
  if (path.subresource === 'finalize') return kind.storedAs === 'namespaces';
  return path.subresource === 'status' && kind.hasStatus;
}

async function answerCollection(request: ResourceRequest): Promise<void> {
  const { core, exchange, kind, path } = request;
  switch (exchange.method) {
    case 'GET':
    case 'HEAD':
      answerList(request, undefined);
      return;
    case 'POST': {
      const { write, body } = await readWrite(request);
      const created = await admitted(request, write, undefined, (one, name) =>
        createObject(core, one, named(sentObject(body), name)),
      );
      answer(request, 201, created);
      return;
    }
    case 'DELETE': {
      const options = deleteOptionsOf(exchange, (await readBody(core, exchange))?.value);
      const write = writeOf(exchange, kind, path.version, path.namespace, undefined);
      const selection = selectionOf(kind, path.namespace, exchange.query);
      const items = core.table
        .list(kind.storedAs, path.namespace)
        .filter((object) => isSelected(selection, object));
      for (const { metadata } of items) {
        const dryRun = write.dryRun || options.dryRun;
        const one = { ...write, dryRun, namespace: metadata.namespace ?? '' };
        await admitDeletion(request, one, findObject(core, one, metadata.name));
        deleteObject(core, one, metadata.name, options);
      }
      const page = {
        items,
        resourceVersion: String(core.table.version),
        continueAt: undefined,
        remaining: 0,
      };
      sendJson(exchange, 200, shownList(exchange, kind, path.version, page, core.clock.now()));
      return;
    }
    default:
      throw methodNotAllowed(`${exchange.method} on ${kind.plural}`);
  }
}

function answerList(request: ResourceRequest, name: string | undefined): void {
  const { core, exchange, kind, path } = request;
  const selection = selectionOf(kind, path.namespace, exchange.query, name);
  const watch = exchange.query.get('watch');
  if (watch === 'true' || watch === '1') {
    const show = watchShow(exchange, kind, path.version, core.clock);
    watchObjects(core, exchange, kind, selection, show, request.ending);
    return;
  }
  const page = listPage(core, kind, selection, exchange.query);
  sendJson(exchange, 200, shownList(exchange, kind, path.version, page, core.clock.now()));
}

async function answerObject(request: ResourceRequest, name: string): Promise<void> {
  const { core, exchange, kind, path } = request;
  switch (exchange.method) {
    case 'GET':
    case 'HEAD': {
      const watch = exchange.query.get('watch');
      if (watch === 'true' || watch === '1') {
        answerList(request, name);
        return;
      }
      const write = writeOf(exchange, kind, path.version, path.namespace, undefined);
      const found = findObject(core, write, name);
      if (found === undefined) throw notFound(subjectOf({ kind }, name));
      answer(request, 200, found);
      return;
    }
    case 'PUT': {
      const { write, body } = await readWrite(request);
      const replaced = await admitted(request, write, name, (one) =>
        replaceObject(core, one, name, sentObject(body)),
      );
      answer(request, 200, replaced);
      return;
    }
    case 'PATCH':
      await answerPatch(request, name);
      return;
    case 'DELETE':
      await answerDelete(request, name);
      return;
    default:
      throw methodNotAllowed(`${exchange.method} on ${kindName(kind)}`);
  }
}

async function answerPatch(request: ResourceRequest, name: string): Promise<void> {
  const { core, exchange, kind, path } = request;
  const type = mediaType(exchange);
  if (!isPatchType(type)) {
    throw new StatusError('AMB1207', {
      http: 415,
      reason: 'UnsupportedMediaType',
      message: `the body of the request was in an unknown format - ${type} is not a patch type`,
    });
  }
  const { write, body } = await readWrite(request);
  if (type === 'application/apply-patch+yaml') {
    const applied = sentObject(body);
    const force = exchange.query.get('force') === 'true';
    let created = false;
    const object = await admitted(request, write, name, (one) => {
      const result = applyObject(core, one, name, applied, { force });
      created = result.created;
      return result.object;
    });
    answer(request, created ? 201 : 200, object);
    return;
  }
  const schema = versionOf(kind, path.version)?.schema;
  if (type === 'application/strategic-merge-patch+json' && kind.custom) {
    throw new StatusError('AMB1207', {
      http: 415,
      reason: 'UnsupportedMediaType',
      message: `strategic merge patches are not supported for custom resources such as ${kind.kind}; use a merge patch`,
    });
  }
  const wanted = (current: ApiObject): unknown => patchedBy(type, current, body?.value, schema);
  const changed = await admitted(request, write, name, (one) =>
    changeObject(core, one, name, { wanted }),
  );
  answer(request, 200, changed);
}

async function answerDelete(request: ResourceRequest, name: string): Promise<void> {
  const { core, exchange, kind, path } = request;
  const options = deleteOptionsOf(exchange, (await readBody(core, exchange))?.value);
  const write = writeOf(exchange, kind, path.version, path.namespace, undefined);
  const dryRun = write.dryRun || options.dryRun;
  const deletion = { ...write, dryRun };
  await admitDeletion(request, deletion, findObject(core, deletion, name));
  const { object, removed } = deleteObject(core, deletion, name, options);
  if (!removed) {
    answer(request, 200, object);
    return;
  }
  sendJson(exchange, 200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name,
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.plural,
      uid: object.metadata.uid,
    },
  });
}

/** The body as it was sent: whether it is an object is found out where objects are checked. */
function sentObject(body: ParsedBody | undefined): ApiObject {
  return (body?.value ?? null) as ApiObject;
}

/** The object under the name that it was given where it asked for one to be made up. */
function named(object: ApiObject, name: string | undefined): ApiObject {
  if (name === undefined || !isRecord(object)) return object;
  return { ...object, metadata: { ...object.metadata, name } };
}

function answer(request: ResourceRequest, code: number, object: ApiObject): void {
  const { core, exchange, kind, path } = request;
  sendJson(exchange, code, shownObject(exchange, kind, path.version, object, core.clock.now()));
}

/** Delete options of the body, and of the query where the body has none. */
function deleteOptionsOf(
  exchange: Exchange,
  body: unknown,
): DeleteOptions & { readonly dryRun: boolean } {
  const { query } = exchange;
  const inQuery = query.get('gracePeriodSeconds');
  const grace =
    numberAt(body, 'gracePeriodSeconds') ?? (inQuery === null ? undefined : Number(inQuery));
  const orphan =
    (isRecord(body) && body['orphanDependents'] === true) ||
    query.get('orphanDependents') === 'true';
  const policy =
    textAt(body, 'propagationPolicy') ??
    query.get('propagationPolicy') ??
    (orphan ? 'Orphan' : undefined);
  const uid = textAt(body, 'preconditions', 'uid');
  const resourceVersion = textAt(body, 'preconditions', 'resourceVersion');
  const dryRun =
    dryRunOf(query) ||
    (isRecord(body) && Array.isArray(body['dryRun']) && body['dryRun'].length > 0);
  return {
    dryRun,
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(policy === 'Orphan' || policy === 'Background' || policy === 'Foreground'
      ? { propagationPolicy: policy }
      : {}),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
