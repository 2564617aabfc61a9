// Reads a request path: which group, version, namespace, resource, object and subresource. Pure.

/** A path below /api/v1 or /apis/GROUP/VERSION. */
export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  /** Absent for cluster-wide resources and for lists over all namespaces. */
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** What follows the subresource, as sent (for pod proxies). */
  readonly rest: string;
}

/** The parts of a resource path, or undefined for other paths. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const raw = path.split('/').slice(1);
  const segments = raw.map(decoded);
  const core = segments[0] === 'api';
  if (!core && segments[0] !== 'apis') return undefined;
  const group = core ? '' : segments[1];
  const version = segments[core ? 1 : 2];
  const from = core ? 2 : 3;
  const below = segments.slice(from);
  if (group === undefined || !version || !below[0]) return undefined;

  // /namespaces/NAME and its subresources are about the namespace itself.
  const inside =
    below[0] === 'namespaces' &&
    below.length >= 3 &&
    below[2] !== '' &&
    !namespaceSubresources.has(below[2] ?? '');
  const offset = inside ? 2 : 0;
  const [resource = '', name, subresource] = below.slice(offset);
  return {
    group,
    version,
    namespace: inside ? below[1] : undefined,
    resource,
    name: name === '' ? undefined : name,
    subresource: subresource === '' ? undefined : subresource,
    rest: raw.slice(from + offset + 3).join('/'),
  };
}

const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize']);

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
