// JSON patch, RFC 6902, with JSON pointers of RFC 6901.

import { badRequest, StatusError } from '../api-error.ts';
import { copyJson, isRecord, jsonEqual, textAt, valueAt } from '../json.ts';

/** Operations taken in one patch (Kubernetes' figure). */
const maxOperations = 10_000;

/** The value with all operations done, or none: an operation that fails throws Invalid. */
export function jsonPatched(current: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch) || patch.length > maxOperations) {
    throw badRequest('AMB1201', 'a JSON patch must be a list of operations');
  }
  let value = copyJson(current);
  for (const operation of patch as readonly unknown[]) value = applied(value, operation);
  return value;
}

function applied(root: unknown, operation: unknown): unknown {
  const path = pointer(textAt(operation, 'path'));
  const value = valueAt(operation, 'value');
  switch (textAt(operation, 'op')) {
    case 'add':
      return added(root, path, copyJson(value));
    case 'remove':
      return removed(root, path);
    case 'replace':
      return path.length === 0
        ? copyJson(value)
        : added(removed(root, path), path, copyJson(value));
    case 'move': {
      const from = pointer(textAt(operation, 'from'));
      const moved = at(root, from);
      return added(removed(root, from), path, moved);
    }
    case 'copy':
      return added(root, path, copyJson(at(root, pointer(textAt(operation, 'from')))));
    case 'test':
      if (!passes(root, path, value)) throw failed(`the test at /${path.join('/')} failed`);
      return root;
    default:
      throw badRequest('AMB1201', `a JSON patch has no operation ${JSON.stringify(operation)}`);
  }
}

function pointer(text: string | undefined): string[] {
  if (text === undefined || (text !== '' && !text.startsWith('/'))) {
    throw badRequest('AMB1201', `not a JSON pointer: ${JSON.stringify(text)}`);
  }
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function failed(why: string): StatusError {
  return new StatusError('AMB1203', {
    http: 422,
    reason: 'Invalid',
    message: `the server rejected our request due to an error in our request: ${why}`,
    details: {
      causes: [{ reason: 'FieldValueInvalid', message: `${why} [AMB1203]`, field: 'patch' }],
    },
  });
}

function at(root: unknown, path: readonly string[], missingAllowed = false): unknown {
  let current = root;
  for (const part of path) {
    if (Array.isArray(current)) current = (current as readonly unknown[])[indexIn(current, part)];
    else current = isRecord(current) && Object.hasOwn(current, part) ? current[part] : undefined;
    if (current === undefined && !missingAllowed) throw failed(`/${path.join('/')} does not exist`);
  }
  return current;
}

/** A field that an object does not have passes as null, which controllers rely on to set it only once:
 * Kubernetes has it so, RFC 6902 does not say. */
function passes(root: unknown, path: readonly string[], value: unknown): boolean {
  const parent = at(root, path.slice(0, -1), true);
  return isRecord(parent)
    ? jsonEqual(at(root, path, true) ?? null, value ?? null)
    : jsonEqual(at(root, path, true), value);
}

function indexIn(list: readonly unknown[], part: string): number {
  if (!/^(0|[1-9]\d*)$/.test(part)) throw failed(`${part} is not an index`);
  const index = Number(part);
  if (index > list.length) throw failed(`index ${part} is out of bounds`);
  return index;
}

function added(root: unknown, path: readonly string[], value: unknown): unknown {
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = at(root, path.slice(0, -1));
  if (Array.isArray(parent)) {
    parent.splice(last === '-' ? parent.length : indexIn(parent, last), 0, value);
  } else if (isRecord(parent)) parent[last] = value;
  else throw failed(`/${path.slice(0, -1).join('/')} is not an object or list`);
  return root;
}

function removed(root: unknown, path: readonly string[]): unknown {
  const last = path.at(-1);
  if (last === undefined) return undefined;
  const parent = at(root, path.slice(0, -1));
  if (Array.isArray(parent)) {
    if (indexIn(parent, last) >= parent.length) throw failed(`index ${last} is out of bounds`);
    parent.splice(Number(last), 1);
  } else if (isRecord(parent) && Object.hasOwn(parent, last)) delete parent[last];
  else throw failed(`/${path.join('/')} does not exist`);
  return root;
}
