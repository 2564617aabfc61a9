// Writes that webhooks are asked about first. What an object is going to be is found by a dry run, which is
// shown to them; then it is written, unless the object was changed meanwhile: then they are asked again.

import type { AdmissionRequest } from '../admission/admission-review.ts';
import { admit, concernsWebhooks } from '../admission/admit.ts';
import type { Operation } from '../admission/matches.ts';
import { conflict } from '../api-error.ts';
import type { ApiObject } from '../store.ts';
import { type Core, findObject, subjectOf, type Write } from '../writes/core.ts';
import { presentedForm } from '../writes/stored-form.ts';
import type { ResourceRequest } from './resource-request.ts';

/** How often an object may be changed by others while webhooks are asked. */
const maxRounds = 5;

/** Writes an object when its webhooks allow it. `attempt` makes the write, first as a dry run; it is told
 * the name that the dry run gave. Throws StatusError. */
export async function admitted(
  request: ResourceRequest,
  write: Write,
  name: string | undefined,
  attempt: (write: Write, name: string | undefined) => ApiObject,
): Promise<ApiObject> {
  const { core, admission } = request;
  if (!concernsWebhooks(admission, resourceOf(request))) return attempt(write, name);
  for (let round = 0; round < maxRounds; round++) {
    const before = name === undefined ? undefined : findObject(core, write, name);
    const candidate = attempt({ ...write, dryRun: true }, name);
    const operation = before === undefined ? 'CREATE' : 'UPDATE';
    await admit(
      admission,
      requestOf(request, write, operation, { object: candidate, oldObject: before }),
      (text) => write.warn(text),
    );
    if (write.dryRun) return candidate;
    const { name: settled } = candidate.metadata;
    const now = name === undefined ? undefined : findObject(core, write, name);
    if (now?.metadata.resourceVersion !== before?.metadata.resourceVersion) continue;
    return attempt(write, settled);
  }
  throw conflict(subjectOf(write, name ?? ''));
}

/** Asks webhooks whether an object may be deleted. Throws StatusError. */
export async function admitDeletion(
  request: ResourceRequest,
  write: Write,
  oldObject: ApiObject | undefined,
): Promise<void> {
  if (oldObject === undefined) return;
  if (!concernsWebhooks(request.admission, resourceOf(request))) return;
  const asked = requestOf(request, write, 'DELETE', { object: undefined, oldObject });
  await admit(request.admission, asked, (text) => write.warn(text));
}

function resourceOf({ kind, path }: ResourceRequest) {
  return { group: kind.group, resource: kind.plural, subresource: path.subresource };
}

function requestOf(
  request: ResourceRequest,
  write: Write,
  operation: Operation,
  objects: Pick<AdmissionRequest, 'object' | 'oldObject'>,
): AdmissionRequest {
  const { core, exchange, kind, path } = request;
  const present = (object: ApiObject | undefined): ApiObject | undefined =>
    object === undefined ? undefined : presentedForm(kind, path.version, object);
  const object = present(objects.object);
  const oldObject = present(objects.oldObject);
  const { name } = (object ?? oldObject)?.metadata ?? { name: '' };
  return {
    operation,
    ...resourceOf(request),
    version: path.version,
    versions: kind.versions.map((one) => one.version),
    namespaced: kind.namespaced,
    object,
    oldObject,
    namespaceLabels: namespaceLabels(core, write, object ?? oldObject),
    kind,
    name,
    namespace: write.namespace,
    caller: exchange.caller,
    dryRun: write.dryRun,
    fieldManager: write.fieldManager,
  };
}

function namespaceLabels(
  core: Core,
  { kind, namespace }: Write,
  object: ApiObject | undefined,
): Readonly<Record<string, string>> | undefined {
  if (kind.storedAs === 'namespaces') return object?.metadata.labels ?? {};
  if (!kind.namespaced) return undefined;
  const found = core.table.get({ kind: 'namespaces', namespace: '', name: namespace });
  return found?.metadata.labels ?? {};
}
