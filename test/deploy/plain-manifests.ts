// The objects that `kubectl apply -k deploy` applies, worked out by our own reading of the kustomization: the
// stock kubectl does it in test/namespaces/applied-by-kubectl.test.ts.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

const repository = path.resolve(import.meta.dirname, '../..');

export interface Container {
  readonly name: string;
  image: string;
  readonly securityContext?: {
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly runAsUser?: number;
    readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
  };
  readonly resources?: { readonly requests?: object; readonly limits?: object };
  readonly readinessProbe?: object;
}

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

export interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    annotations?: object;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly Rule[];
  readonly spec?: {
    readonly template?: {
      readonly spec: {
        readonly containers: readonly Container[];
        readonly securityContext?: {
          readonly runAsNonRoot?: boolean;
          readonly seccompProfile?: { readonly type: string };
        };
      };
    };
  };
}

export interface Kustomization {
  readonly resources: readonly string[];
  readonly images: readonly { readonly name: string; readonly newTag: string }[];
  readonly configMapGenerator: readonly {
    readonly name: string;
    readonly namespace: string;
    readonly literals: readonly string[];
  }[];
  readonly generatorOptions: { readonly labels: object };
}

export const { version } = JSON.parse(
  readFileSync(path.join(repository, 'package.json'), 'utf8'),
) as { version: string };

export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.name}`;
}

export function kustomization(): Kustomization {
  return parse(
    readFileSync(path.join(repository, 'deploy/kustomization.yaml'), 'utf8'),
  ) as Kustomization;
}

/** With the tags of the images and the generated ConfigMap, whose name has no digest here. */
export function plainManifests(): Manifest[] {
  const { resources, images, configMapGenerator, generatorOptions } = kustomization();
  const read = resources.flatMap((file) =>
    parseAllDocuments(readFileSync(path.join(repository, 'deploy', file), 'utf8')).map(
      (document) => document.toJS() as Manifest,
    ),
  );
  for (const container of read.flatMap(({ spec }) => spec?.template?.spec.containers ?? [])) {
    const image = images.find(({ name }) => name === container.image);
    if (image !== undefined) container.image = `${image.name}:${image.newTag}`;
  }
  const generated = configMapGenerator.map(({ name, namespace, literals }) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels: generatorOptions.labels },
    data: Object.fromEntries(literals.map((literal) => literal.split('=', 2))),
  }));
  return [...read, ...(generated as Manifest[])];
}
