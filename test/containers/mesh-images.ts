// The mesh's own images, for the machine that the test runs on: the same folders as those that are
// published, in an archive without compression.

import { mkdirSync, mkdtempSync } from 'node:fs';
import path from 'node:path';
import { architectureNamed } from '../../tools/images/architecture.ts';
import { buildImages } from '../../tools/images/build-images.ts';
import { DebianPackages } from '../../tools/images/debian.ts';
import { writeArchive } from '../../tools/images/oci-archive.ts';
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
  const ofNodes = parts.filter(({ name }) => name === 'node-agent' || name === 'ztunnel');
  const how = { prefix: 'ambit', tag, compression: 'none', work, kept: work } as const;
  const images = await buildImages(ofNodes, inputs, how);
  writeArchive(images, { file: path.join(folder, 'mesh.tar'), architecture, version: tag });
}
