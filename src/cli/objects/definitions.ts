// The definitions of custom resources that Ambit brings, for checks without a cluster.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { Schema } from '../../standalone/api/schema/schema.ts';

/** Where the manifests of a repository or package are. */
const crdFolder = path.resolve(import.meta.dirname, '../../../deploy/crds');

/** One kind as far as checks need it. */
export interface KindDefinition {
  readonly namespaced: boolean;
  /** By version. */
  readonly schemas: ReadonlyMap<string, Schema>;
}

interface Definition {
  readonly kind?: string;
  readonly spec?: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

/** The definitions of these kinds, as `GROUP/KIND`; none where the manifests are not beside the program.
 * The others are not parsed, which takes longer than all the rest. */
export function readDefinitions(
  kinds: ReadonlySet<string>,
  folder = crdFolder,
): ReadonlyMap<string, KindDefinition> {
  if (!existsSync(folder)) return new Map();
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return new Map(
    files
      .filter((file) => file.endsWith('.yaml'))
      .flatMap((file) => {
        const text = readFileSync(path.join(folder, file), 'utf8');
        const [, named = ''] = /^ {4}kind: (\w+)$/m.exec(text) ?? [];
        if (!kinds.has(named)) return [];
        const { kind, spec } = parse(text) as Definition;
        if (kind !== 'CustomResourceDefinition' || spec === undefined) return [];
        const served = spec.versions.filter((version) => version.served);
        const schemas = new Map(served.map((one) => [one.name, rootSchema(one.schema)]));
        const namespaced = spec.scope === 'Namespaced';
        return [[`${spec.group}/${spec.names.kind}`, { namespaced, schemas }] as const];
      }),
  );
}

/** With the members that every object has, whose form is not judged here. */
function rootSchema({ openAPIV3Schema }: { readonly openAPIV3Schema: Schema }): Schema {
  const anything: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const text: Schema = { type: 'string' };
  const { properties } = openAPIV3Schema;
  const common = { apiVersion: text, kind: text, metadata: anything };
  return { ...openAPIV3Schema, properties: { ...properties, ...common } };
}
