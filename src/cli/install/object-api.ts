// Objects of any kind on an API server: where each is found is asked of its discovery endpoints.

import { AmbitError } from '../../runtime/errors.ts';
import type { Cluster } from '../cluster.ts';
import { fieldManager, type KubernetesObject, titleOf } from './object.ts';

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs?: readonly string[];
}

/** Reads and writes objects. Kinds are learned once. */
export class ObjectApi {
  readonly #cluster: Cluster;
  readonly #known = new Map<string, readonly Resource[]>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Where an object is. @throws AmbitError AMB1832 when its kind is not served */
  async pathOf(object: KubernetesObject): Promise<string> {
    const { name, namespace } = object.metadata;
    const collection = await this.collection(object.apiVersion, object.kind, namespace);
    if (collection !== undefined) return `${collection}/${name}`;
    const problem = `the API server has no kind ${object.kind} of ${object.apiVersion}`;
    throw new AmbitError('AMB1832', problem, { object: titleOf(object) });
  }

  /** Where objects of a kind are; undefined when the kind is not served. */
  async collection(
    apiVersion: string,
    kind: string,
    namespace?: string,
  ): Promise<string | undefined> {
    const base = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const found = (await this.#resources(base)).find((one) => one.kind === kind);
    if (found === undefined) return undefined;
    const place = found.namespaced && namespace !== undefined ? `/namespaces/${namespace}` : '';
    return `${base}${place}/${found.name}`;
  }

  async #resources(base: string): Promise<readonly Resource[]> {
    const known = this.#known.get(base);
    if (known !== undefined) return known;
    const found = (await this.#cluster.find(base)) as
      | { resources?: readonly Resource[] }
      | undefined;
    const resources = (found?.resources ?? []).filter(({ name }) => !name.includes('/'));
    // What is not served may be so in a moment, when its definition is established.
    if (resources.length > 0) this.#known.set(base, resources);
    return resources;
  }

  /** All objects in a namespace, of every kind that can be listed, each kind in the version that the server prefers. */
  async listNamespace(namespace: string): Promise<KubernetesObject[]> {
    const { groups = [] } = (await this.#cluster.get('/apis')) as {
      readonly groups?: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
    };
    const versions = ['v1', ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
    const lists = versions.map(async (version) => {
      const base = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
      const kinds = (await this.#resources(base)).filter(
        ({ namespaced, verbs = [] }) => namespaced && verbs.includes('list'),
      );
      return await Promise.all(
        kinds.map(async ({ name, kind }) => {
          const items = await this.#cluster.list(`${base}/namespaces/${namespace}/${name}`);
          return items.map((item) => asObject(item, version, kind));
        }),
      );
    });
    return (await Promise.all(lists)).flat(2);
  }

  /** Makes the object what it says. @throws AmbitError AMB1832 */
  async apply(
    object: KubernetesObject,
    options: { readonly dryRun?: boolean } = {},
  ): Promise<void> {
    const how = { fieldManager, force: true, ...options };
    await this.#cluster.apply(await this.pathOf(object), object, how);
  }

  /** The object as it is now. */
  async read(object: KubernetesObject): Promise<KubernetesObject | undefined> {
    return (await this.#cluster.find(await this.pathOf(object))) as KubernetesObject | undefined;
  }

  /** Deletes the object; false where there was none. */
  async remove(object: KubernetesObject): Promise<boolean> {
    return await this.#cluster.remove(await this.pathOf(object));
  }

  /** All objects of a kind, in all namespaces; none where the kind is not served.
   * @param labels a selector */
  async list(apiVersion: string, kind: string, labels = ''): Promise<KubernetesObject[]> {
    const collection = await this.collection(apiVersion, kind);
    if (collection === undefined) return [];
    const query = labels === '' ? '' : `?labelSelector=${encodeURIComponent(labels)}`;
    const items = await this.#cluster.list(`${collection}${query}`);
    return items.map((item) => asObject(item, apiVersion, kind));
  }
}

/** Lists leave out what all their items have in common. */
function asObject(item: object, apiVersion: string, kind: string): KubernetesObject {
  return { ...item, apiVersion, kind } as unknown as KubernetesObject;
}
