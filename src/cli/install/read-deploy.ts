// Reads the manifests below deploy/ by its kustomization.yaml, so that `ambit install` and
// `kubectl apply -k deploy` install the same objects. Only the parts of Kustomize that the file uses.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { AmbitError } from '../../runtime/errors.ts';
import { type KubernetesObject, partLabel } from './object.ts';

/** What the folder says. */
export interface Deploy {
  readonly objects: readonly KubernetesObject[];
  /** The names of images in the objects. */
  readonly images: readonly string[];
  /** The version of the images, which is that of the whole. */
  readonly version: string;
}

interface Kustomization {
  readonly resources?: readonly string[];
  readonly images?: readonly { readonly name: string; readonly newTag?: string }[];
  readonly configMapGenerator?: readonly {
    readonly name: string;
    readonly namespace?: string;
    readonly literals?: readonly string[];
  }[];
}

const fileName = 'kustomization.yaml';

/** Reads the folder. @throws AmbitError AMB1855 naming the file */
export function readDeploy(folder: string): Deploy {
  const root = readKustomization(folder);
  const images = (root.images ?? []).map(({ name }) => name);
  const version = root.images?.[0]?.newTag;
  if (version === undefined) throw unreadable(path.join(folder, fileName), 'images[0].newTag');
  const generated = (root.configMapGenerator ?? []).map(({ name, namespace, literals = [] }) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      labels: { app: 'istiod', [partLabel.key]: partLabel.value },
    },
    data: Object.fromEntries(literals.map((one) => halves(one))),
  }));
  return { objects: [...readResources(folder, root), ...generated], images, version };
}

function readKustomization(folder: string): Kustomization {
  const file = path.join(folder, fileName);
  if (!existsSync(file)) throw unreadable(file, 'the file');
  return parse(readFileSync(file, 'utf8')) as Kustomization;
}

function readResources(folder: string, { resources = [] }: Kustomization): KubernetesObject[] {
  return resources.flatMap((name) => {
    const place = path.join(folder, name);
    if (!existsSync(place)) throw unreadable(place, 'resources');
    if (!/\.ya?ml$/.test(name)) return readResources(place, readKustomization(place));
    return parseAllDocuments(readFileSync(place, 'utf8')).flatMap((document) => {
      if (document.errors[0] !== undefined) throw unreadable(place, document.errors[0].message);
      const object = document.toJS() as KubernetesObject | null;
      return object === null ? [] : [object];
    });
  });
}

function halves(literal: string): [string, string] {
  const equals = literal.indexOf('=');
  return [literal.slice(0, equals), literal.slice(equals + 1)];
}

function unreadable(object: string, problem: string): AmbitError {
  return new AmbitError('AMB1855', `${problem} is missing or not valid`, { object });
}
