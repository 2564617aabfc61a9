// All services and endpoints of the mesh, kept current from the store. One table serves the proxies
// and name servers of all nodes.

import type { ApiObject, ObjectStore, WatchEvent } from '../../api/store.ts';
import {
  type EndpointView,
  type ServiceView,
  serviceOfSlice,
  viewEndpoints,
  viewService,
} from './service-view.ts';

/** The readable side of the table. */
export interface Services {
  all(): Iterable<ServiceView>;
  byKey(key: string): ServiceView | undefined;
  /** Endpoints in all states, of all slices of a service. */
  endpointsOf(key: string): readonly EndpointView[];
}

interface Slice {
  readonly service: string;
  readonly endpoints: readonly EndpointView[];
}

/** Services and their endpoints, as of the last event of the store. */
export class ServiceTable implements Services, Disposable {
  readonly #services = new Map<string, ServiceView>();
  readonly #slices = new Map<string, Slice>();
  /** Slice keys by service. */
  readonly #slicesOf = new Map<string, Set<string>>();
  readonly #listeners = new Set<() => void>();
  readonly #watches: readonly Disposable[];

  constructor(store: Pick<ObjectStore, 'watch'>) {
    this.#watches = [
      store.watch('services', (event) => this.#onService(event)),
      store.watch('discovery.k8s.io/endpointslices', (event) => this.#onSlice(event)),
    ];
  }

  all(): Iterable<ServiceView> {
    return this.#services.values();
  }

  byKey(key: string): ServiceView | undefined {
    return this.#services.get(key);
  }

  endpointsOf(key: string): readonly EndpointView[] {
    const slices = [...(this.#slicesOf.get(key) ?? [])];
    return slices.flatMap((slice) => this.#slices.get(slice)?.endpoints ?? []);
  }

  /** Calls `listener` after every change. */
  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  #onService({ type, object }: WatchEvent): void {
    const view = viewService(object);
    if (type === 'DELETED') this.#services.delete(view.key);
    else this.#services.set(view.key, view);
    this.#changed();
  }

  #onSlice({ type, object }: WatchEvent): void {
    const key = keyOf(object);
    this.#forget(key);
    const service = serviceOfSlice(object);
    if (type !== 'DELETED' && service !== undefined) {
      this.#slices.set(key, { service, endpoints: viewEndpoints(object) });
      const slices = this.#slicesOf.get(service) ?? new Set();
      this.#slicesOf.set(service, slices.add(key));
    }
    this.#changed();
  }

  #forget(key: string): void {
    const known = this.#slices.get(key);
    if (known === undefined) return;
    this.#slices.delete(key);
    const slices = this.#slicesOf.get(known.service);
    slices?.delete(key);
    if (slices?.size === 0) this.#slicesOf.delete(known.service);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches) watch[Symbol.dispose]();
    this.#listeners.clear();
  }
}

function keyOf(object: ApiObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}
