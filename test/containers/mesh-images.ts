// The mesh's own images, for the machine that the test runs on: the same folders as those that are
// published, in an archive without compression.

import { mkdirSync, mkdtempSync } from 'node:fs';
import path from 'node:path';
import { architectureNamed } from '../../tools/images/architecture.ts';
import { DebianPackages } from '../../tools/images/debian.ts';
import { imageFolders } from '../../tools/images/image-folders.ts';
import { type Layer, makeLayer } from '../../tools/images/layer.ts';
import { type Image, writeArchive } from '../../tools/images/oci-archive.ts';
import { parts } from '../../tools/images/parts.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const tag = 'test';

/** How containers of a part name their image. */
export function meshImage(part: 'node-agent' | 'ztunnel'): string {
  return `docker.io/ambit/${part}:${tag}`;
}

/** Builds `mesh.tar`, the archive of a node's images. @param folder gets the files */
export async function buildMeshImages(folder: string): Promise<void> {
  const architecture = architectureNamed(process.arch === 'arm64' ? 'arm64' : 'amd64');
  if (architecture === undefined) throw new Error('not an architecture of images');
  // Of its own: others may be building images at the same time.
  const cache = path.join(repository, 'node_modules', '.ambit-images', 'containers');
  mkdirSync(cache, { recursive: true });
  const debian = new DebianPackages(architecture, cache);
  const inputs = { repository, architecture, version: tag, cache, debian };
  const work = mkdtempSync(path.join(folder, 'layers-'));
  const made = new Map<string, Layer>();
  const images: Image[] = [];
  for (const part of parts.filter(({ name }) => name === 'node-agent' || name === 'ztunnel')) {
    const layers: Layer[] = [];
    for (const { name, description, fill } of imageFolders(part, inputs)) {
      const place = path.join(work, name);
      if (!made.has(name)) {
        mkdirSync(place);
        fill(place);
        made.set(name, await makeLayer(place, description, work, 'none'));
      }
      const layer = made.get(name);
      if (layer !== undefined) layers.push(layer);
    }
    images.push({ part, reference: `ambit/${part.name}:${tag}`, layers });
  }
  writeArchive(images, { file: path.join(folder, 'mesh.tar'), architecture, version: tag });
}
