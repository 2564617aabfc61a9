// Images in one tar file: an OCI image layout (github.com/opencontainers/image-spec, image-layout.md),
// with the list that `docker load` reads beside it. Layers that images share are in it once.

import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Architecture } from './architecture.ts';
import { type Layer, packFolder } from './layer.ts';
import { entryPoint, type ImagePart, places } from './parts.ts';

export interface Image {
  readonly part: ImagePart;
  /** `REGISTRY/NAME:TAG`; without a registry as Docker's is meant. */
  readonly reference: string;
  readonly layers: readonly Layer[];
}

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const created = '1970-01-01T00:00:00Z';
const mediaTypes = {
  config: 'application/vnd.oci.image.config.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
} as const;

/** What a container of the image starts with. */
export function imageConfig(
  { part, layers }: Pick<Image, 'part' | 'layers'>,
  { architecture, version }: { architecture: Architecture; version: string },
): object {
  return {
    created,
    architecture: architecture.debian,
    os: 'linux',
    config: {
      User: part.user,
      Env: ['PATH=/usr/sbin:/usr/bin', 'NODE_ENV=production'],
      Entrypoint: entryPoint(part),
      WorkingDir: `/${places.program}`,
      ExposedPorts: Object.fromEntries(part.ports.map((port) => [`${port}/tcp`, {}])),
      StopSignal: 'SIGTERM',
      Labels: labels(part, version),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ description }) => ({ created, created_by: description })),
  };
}

/** Writes the images of one architecture. @throws AmbitError AMB1035 with tar's words */
export function writeArchive(
  images: readonly Image[],
  target: { file: string; architecture: Architecture; version: string },
): void {
  const work = mkdtempSync(`${target.file}.`);
  try {
    const blobs = path.join(work, 'blobs', 'sha256');
    mkdirSync(blobs, { recursive: true });
    const written = images.map((image) => ({ image, ...writeImage(image, blobs, target) }));
    const manifests = written.map(({ image, manifest }) => ({
      ...manifest,
      platform: { architecture: target.architecture.debian, os: 'linux' },
      annotations: {
        'io.containerd.image.name': qualified(image.reference),
        'org.opencontainers.image.ref.name': image.reference,
      },
    }));
    const write = (name: string, value: unknown): void =>
      writeFileSync(path.join(work, name), JSON.stringify(value));
    write('oci-layout', { imageLayoutVersion: '1.0.0' });
    write('index.json', { schemaVersion: 2, mediaType: mediaTypes.index, manifests });
    write(
      'manifest.json',
      written.map(({ image, config }) => ({
        Config: blobPath(config.digest),
        RepoTags: [image.reference],
        Layers: image.layers.map(({ digest }) => blobPath(digest)),
      })),
    );
    packFolder(work, target.file);
  } finally {
    rmSync(work, { recursive: true });
  }
}

function writeImage(
  image: Image,
  blobs: string,
  target: { architecture: Architecture; version: string },
): { config: Blob; manifest: Blob } {
  for (const { file, digest } of image.layers) link(file, path.join(blobs, hexOf(digest)));
  const config = writeBlob(blobs, mediaTypes.config, imageConfig(image, target));
  const manifest = writeBlob(blobs, mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers: image.layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    annotations: labels(image.part, target.version),
  });
  return { config, manifest };
}

function labels({ name, description }: ImagePart, version: string): Record<string, string> {
  return {
    'org.opencontainers.image.title': `ambit/${name}`,
    'org.opencontainers.image.description': description,
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
  };
}

/** As containerd and Kubernetes name it in full. */
function qualified(reference: string): string {
  const first = reference.split('/')[0] ?? '';
  return /[.:]|^localhost$/.test(first) ? reference : `docker.io/${reference}`;
}

function writeBlob(blobs: string, mediaType: string, value: object): Blob {
  const bytes = Buffer.from(JSON.stringify(value));
  const hex = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(path.join(blobs, hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}

function link(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    // A layer that images share is there already.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}

function blobPath(digest: string): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
