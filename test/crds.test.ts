// The definitions of Istio's kinds: made from their tables, and as a cluster wants them.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { crdFiles, crdFolder } from '../tools/crds.ts';
import { suite } from './support/suite.ts';

const test = suite('definitions of custom resources');

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly oneOf?: readonly unknown[];
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: {
      readonly kind: string;
      readonly shortNames?: readonly string[];
      readonly categories: readonly string[];
    };
    readonly versions: readonly {
      readonly name: string;
      readonly storage: boolean;
      readonly subresources: { readonly status: object };
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

const definitions = [...crdFiles().values()].map((text) => parse(text) as Definition);

test('are what their tables say', () => {
  for (const [name, content] of crdFiles()) {
    const file = readFileSync(path.join(crdFolder, name), 'utf8');
    assert.is(file, content, `${name}: run node tools/crds.ts`);
  }
  const names = readdirSync(crdFolder).toSorted();
  assert.equal(names, [...crdFiles().keys()].toSorted());
  const list = readFileSync(path.join(crdFolder, '../kustomization.yaml'), 'utf8');
  for (const name of names) assert.ok(list.includes(`- istio/${name}`), `${name} is not listed`);
});

test('have the versions, short names and categories of Istio', () => {
  const shown = definitions.map(({ spec }) => {
    const stored = spec.versions.find(({ storage }) => storage)?.name;
    const versions = spec.versions.map(({ name }) => name).join(' ');
    return `${spec.names.kind} ${spec.names.shortNames?.join() ?? '-'} ${stored}: ${versions}`;
  });
  for (const line of [
    'VirtualService vs v1: v1 v1beta1 v1alpha3',
    'ServiceEntry se v1: v1 v1beta1 v1alpha3',
    'EnvoyFilter - v1alpha3: v1alpha3',
    'AuthorizationPolicy ap v1: v1 v1beta1',
    'Telemetry telemetry v1: v1 v1alpha1',
  ]) {
    assert.ok(shown.includes(line), `${line} is not among ${shown.join('\n')}`);
  }
  for (const { spec } of definitions) {
    assert.equal(spec.names.categories, ['istio-io', spec.group.replaceAll('.', '-')]);
    for (const { subresources } of spec.versions) assert.equal(subresources.status, {});
  }
});

test('are structural: every value has a type, and every field of spec a description', () => {
  const wrong: string[] = [];
  const visit = (schema: Schema, place: string, needsText: boolean): void => {
    if (schema.type === undefined) wrong.push(`${place} has no type`);
    if (needsText && (schema.description ?? '') === '') wrong.push(`${place} has no description`);
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      visit(member, `${place}.${name}`, true);
    }
    if (schema.items !== undefined) visit(schema.items, `${place}[]`, false);
    if (schema.additionalProperties !== undefined) {
      visit(schema.additionalProperties, `${place}{}`, false);
    }
  };
  for (const { metadata, spec } of definitions) {
    for (const { schema } of spec.versions) {
      const { spec: body } = schema.openAPIV3Schema.properties ?? {};
      visit(body ?? {}, `${metadata.name} spec`, true);
    }
  }
  assert.equal([...new Set(wrong)], []);
});

test('fit into the annotation that kubectl apply keeps of them', () => {
  const limit = 256 * 1024;
  for (const definition of definitions) {
    const bytes = Buffer.byteLength(JSON.stringify(definition));
    assert.ok(bytes < limit * 0.9, `${definition.metadata.name} has ${bytes} bytes`);
  }
});

test.run();
