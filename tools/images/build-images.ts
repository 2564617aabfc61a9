// From the parts of the mesh to images: each folder becomes a layer once, however many images have it.

import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type ImageFolder, type Inputs, imageFolders } from './image-folders.ts';
import { type Compression, type Layer, makeLayer } from './layer.ts';
import type { Image } from './oci-archive.ts';
import type { ImagePart } from './parts.ts';

export interface BuildOptions {
  /** Before the part's name in the reference: `ambit`. */
  readonly prefix: string;
  readonly tag: string;
  readonly compression: Compression;
  /** Gets folders and uncompressed layers; belongs to the caller until the archive is written. */
  readonly work: string;
  /** Where compressed layers stay. */
  readonly kept: string;
  /** Takes a line for each layer and image. */
  readonly tell?: (line: string) => void;
}

/** Makes the images. @throws AmbitError of what fills the folders, AMB1035 for what cannot be packed */
export async function buildImages(
  parts: readonly ImagePart[],
  inputs: Inputs,
  { prefix, tag, compression, work, kept, tell = () => undefined }: BuildOptions,
): Promise<Image[]> {
  const made = new Map<string, Layer>();
  const layerOf = async ({ name, description, fill }: ImageFolder): Promise<Layer> => {
    const known = made.get(name);
    if (known !== undefined) return known;
    const folder = path.join(work, name);
    mkdirSync(folder);
    fill(folder);
    const layer = await makeLayer(folder, description, kept, compression);
    rmSync(folder, { recursive: true });
    tell(`layer ${name}: ${megabytes(layer.size)}`);
    made.set(name, layer);
    return layer;
  };
  const images: Image[] = [];
  for (const part of parts) {
    const layers: Layer[] = [];
    for (const folder of imageFolders(part, inputs)) layers.push(await layerOf(folder));
    const reference = `${prefix}/${part.name}:${tag}`;
    images.push({ part, reference, layers });
    tell(`image ${reference}: ${megabytes(layers.reduce((sum, one) => sum + one.size, 0))}`);
  }
  return images;
}

/** A size in words. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
