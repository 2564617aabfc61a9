// The files of a volume that shows objects: ConfigMaps, Secrets, tokens and the pod's own fields. Pure.

import { fieldValue, type PodPlace, resourceValue } from './downward.ts';
import { type ObjectReader, objectEntries } from './environment.ts';
import type {
  Container,
  DownwardItem,
  KeyToPath,
  Pod,
  ProjectedSource,
  Volume,
} from './pod-types.ts';

export interface VolumeFile {
  readonly bytes: Buffer;
  readonly mode: number;
}

/** The files by path below the volume, or what is missing. */
export type VolumeContent =
  | { readonly kind: 'ok'; readonly files: ReadonlyMap<string, VolumeFile> }
  | { readonly kind: 'missing'; readonly field: string; readonly problem: string };

/** A ServiceAccount token that a volume shows. */
export interface TokenWish {
  /** Empty is the API server's own audience. */
  readonly audience: string;
  readonly expirationSeconds: number;
}

export interface ContentFacts {
  readonly pod: Pod;
  readonly place: PodPlace;
  readonly read: ObjectReader;
  /** A token issued for this wish, or undefined while there is none. */
  readonly token: (wish: TokenWish) => string | undefined;
}

const defaultMode = 0o644;
const defaultTokenSeconds = 3600;
/** Where programs look for their identity towards the API server. */
export const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The volume that every pod gets unless it asks not to. */
export function serviceAccountVolume(): Volume {
  return {
    name: 'ambit-api-access',
    projected: {
      sources: [
        { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
        {
          configMap: {
            name: 'kube-root-ca.crt',
            items: [{ key: 'ca.crt', path: 'ca.crt' }],
          },
        },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    },
  };
}

/** Whether a volume's content comes from objects, rather than being a folder of its own. */
export function showsObjects(volume: Volume): boolean {
  return [volume.configMap, volume.secret, volume.downwardAPI, volume.projected].some(
    (source) => source !== undefined,
  );
}

/** The tokens that a volume shows. */
export function tokenWishes(volume: Volume): TokenWish[] {
  return (volume.projected?.sources ?? []).flatMap(({ serviceAccountToken: token }) =>
    token === undefined ? [] : [tokenWish(token)],
  );
}

function tokenWish(token: NonNullable<ProjectedSource['serviceAccountToken']>): TokenWish {
  return {
    audience: token.audience ?? '',
    expirationSeconds: token.expirationSeconds ?? defaultTokenSeconds,
  };
}

/** The content of a volume for which `showsObjects` holds. */
export function volumeContent(volume: Volume, facts: ContentFacts): VolumeContent {
  const mode =
    volume.configMap?.defaultMode ??
    volume.secret?.defaultMode ??
    volume.downwardAPI?.defaultMode ??
    volume.projected?.defaultMode ??
    defaultMode;
  const files = new Map<string, VolumeFile>();
  for (const source of sourcesOf(volume)) {
    const problem = addSource(files, source, mode, facts);
    if (problem !== undefined)
      return { kind: 'missing', field: `volumes[${volume.name}]`, problem };
  }
  return { kind: 'ok', files };
}

function sourcesOf(volume: Volume): readonly ProjectedSource[] {
  const { configMap, secret, downwardAPI } = volume;
  if (configMap !== undefined) return [{ configMap }];
  if (secret !== undefined) {
    const { secretName, ...rest } = secret;
    return [{ secret: { ...rest, ...(secretName === undefined ? {} : { name: secretName }) } }];
  }
  if (downwardAPI !== undefined) return [{ downwardAPI }];
  return volume.projected?.sources ?? [];
}

/** Adds a source's files; answers what is missing, if something is. */
function addSource(
  files: Map<string, VolumeFile>,
  source: ProjectedSource,
  mode: number,
  facts: ContentFacts,
): string | undefined {
  if (source.serviceAccountToken !== undefined) {
    const token = facts.token(tokenWish(source.serviceAccountToken));
    if (token === undefined) return 'the ServiceAccount token is not issued yet';
    files.set(source.serviceAccountToken.path, { bytes: Buffer.from(token), mode });
    return undefined;
  }
  if (source.downwardAPI !== undefined) {
    return addDownward(files, source.downwardAPI.items ?? [], mode, facts);
  }
  const secret = source.secret !== undefined;
  const reference = source.secret ?? source.configMap;
  const name = reference?.name ?? '';
  const object = facts.read(secret ? 'secrets' : 'configmaps', name);
  const optional = reference?.optional === true;
  if (object === undefined) {
    return optional ? undefined : `${secret ? 'Secret' : 'ConfigMap'} ${name} does not exist`;
  }
  const entries = objectEntries(object);
  const items: readonly KeyToPath[] =
    reference?.items ?? [...entries.keys()].map((key) => ({ key, path: key }));
  for (const item of items) {
    const bytes = entries.get(item.key);
    if (bytes !== undefined) files.set(item.path, { bytes, mode: item.mode ?? mode });
    else if (!optional) return `${object.kind} ${name} has no key ${item.key}`;
  }
  return undefined;
}

function addDownward(
  files: Map<string, VolumeFile>,
  items: readonly DownwardItem[],
  mode: number,
  { pod, place }: ContentFacts,
): string | undefined {
  for (const item of items) {
    const { fieldRef, resourceFieldRef: resource } = item;
    const container: Container | undefined = pod.spec.containers.find(
      ({ name }) => name === resource?.containerName,
    );
    const value =
      fieldRef !== undefined
        ? fieldValue(pod, place, fieldRef.fieldPath)
        : resource !== undefined && container !== undefined
          ? resourceValue(container, place, resource)
          : { problem: `${item.path} refers to nothing` };
    if ('problem' in value) return value.problem;
    files.set(item.path, { bytes: Buffer.from(value.value), mode: item.mode ?? mode });
  }
  return undefined;
}
