// Objects to what is published, kept up to date as objects change.

import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import type { ObjectTables } from './objects.ts';
import { type EncodingMemory, type PublishedSnapshot, publishable } from './publish/resources.ts';
import type { MeshOptions } from './translate/mesh-options.ts';
import type { Translation } from './translate/snapshot.ts';
import { translate } from './translate/translate.ts';
import { ValidVersions } from './translate/valid-versions.ts';
import { WorkloadMemory } from './translate/workload-memory.ts';

export class Translator {
  readonly #tables; readonly #mesh;
  readonly versions = new ValidVersions();
  readonly #workloads = new WorkloadMemory();
  readonly #encoded: EncodingMemory = new WeakMap();
  constructor(tables: ObjectTables, mesh: MeshOptions, _parts: { clock: Clock; log: Logger }) {
    this.#tables = tables; this.#mesh = mesh;
  }
  async translate(): Promise<{ translation: Translation; published: PublishedSnapshot }> {
    const t0 = performance.now();
    const translation = translate(this.#tables, this.versions, this.#mesh, this.#workloads);
    const t1 = performance.now();
    const { published } = publishable(translation.snapshot, this.#encoded);
    if (process.env['T']) console.log('translate', t1 - t0, 'publishable', performance.now() - t1);
    return { translation, published };
  }
}
