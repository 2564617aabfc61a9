// Which version of the mesh's configuration is in force: the newest that can be read.

import type { ConfigMap } from '../kinds/core.ts';
import type { ObjectSource } from '../objects.ts';
import { type Finding, formatProblem } from './finding.ts';
import { defaultMeshConfig, type MeshConfig, readMeshConfig } from './mesh-config.ts';
import { type MeshOptions, meshConfigNameOf } from './mesh-options.ts';

/** Said of the ConfigMap, which has no status: it becomes an Event. */
const condition = { type: 'ambit.io/Accepted' } as const;

/** The configuration in force, and what to tell its author. */
export interface SettledMeshConfig {
  readonly config: MeshConfig;
  readonly findings: readonly Finding[];
}

/** Remembers the last version that could be read. */
export class MeshConfigVersions {
  #valid: { readonly uid: string | undefined; readonly config: MeshConfig } | undefined;
  #read: { readonly object: ConfigMap; readonly settled: SettledMeshConfig } | undefined;

  /** Reads the ConfigMap of the mesh, once per version. */
  settle(objects: ObjectSource, mesh: MeshOptions): SettledMeshConfig {
    const { rootNamespace: namespace } = mesh;
    const object = objects.get('MeshConfig', namespace, meshConfigNameOf(mesh));
    if (object === undefined) {
      this.#valid = undefined;
      return { config: defaultMeshConfig, findings: [] };
    }
    if (this.#read?.object === object) return this.#read.settled;
    const settled = this.#settle(object, mesh);
    this.#read = { object, settled };
    return settled;
  }

  #settle(object: ConfigMap, mesh: MeshOptions): SettledMeshConfig {
    const { rootNamespace: namespace, trustDomain } = mesh;
    const { config, problems, ignored } = readMeshConfig(object, {
      trustDomain,
      rootNamespace: namespace,
      enableAutoMtls: true,
      defaultServiceExportTo: ['*'],
      defaultVirtualServiceExportTo: ['*'],
    });
    const reference = { kind: 'MeshConfig', namespace, name: object.metadata.name } as const;
    const { uid } = object.metadata;
    if (config === undefined) {
      const older = this.#valid?.uid === uid ? this.#valid?.config : undefined;
      const inForce = older === undefined ? withoutVersion(object) : undefined;
      const told = inForce?.told ?? 'the last valid version stays in force';
      const message = `${problems.map(formatProblem).join('; ')}; ${told}`;
      const finding: Finding = {
        object: reference,
        ...condition,
        status: 'False',
        reason: 'Invalid',
        message,
        code: 'AMB1661',
      };
      return { config: older ?? inForce?.config ?? defaultMeshConfig, findings: [finding] };
    }
    this.#valid = { uid, config };
    if (ignored.length === 0) return { config, findings: [] };
    const message = `AMB1610 data.mesh: no effect in this version: ${ignored.join(', ')}`;
    const finding: Finding = {
      object: reference,
      ...condition,
      status: 'True',
      reason: 'AcceptedWithWarning',
      message,
      code: 'AMB1610',
    };
    return { config, findings: [finding] };
  }
}

/** What holds in the place of a version that cannot be read when none before is known. One that speaks of
 * REGISTRY_ONLY was probably meant to close. */
function withoutVersion(object: ConfigMap): { config: MeshConfig; told: string } {
  if (object.data?.['mesh']?.includes('REGISTRY_ONLY') !== true) {
    return { config: defaultMeshConfig, told: 'the defaults are in force' };
  }
  return {
    config: { ...defaultMeshConfig, outboundPolicy: 'registry-only' },
    told: 'as it speaks of REGISTRY_ONLY, that is in force, and of the rest the defaults',
  };
}
