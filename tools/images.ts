// Builds the images of the mesh without a container engine, as one archive that `ctr images import`,
// `docker load`, `podman load`, `kind load image-archive` and `minikube image load` take:
//
//   npm run images -- [--arch amd64|arm64] [--out FILE] [--prefix REGISTRY/FOLDER] [--tag TAG]
//                     [--compression gzip|zstd]
//   npm run images -- --rootfs FOLDER --part NAME     the files of one image in a folder, for a Dockerfile
//
// The same inputs give the same bytes.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { AmbitError, causeChain } from '../src/runtime/errors.ts';
import { architectureNamed } from './images/architecture.ts';
import { buildImages, megabytes } from './images/build-images.ts';
import { DebianPackages } from './images/debian.ts';
import { type Inputs, imageFolders } from './images/image-folders.ts';
import { type Compression, forgetOldLayers } from './images/layer.ts';
import { writeArchive } from './images/oci-archive.ts';
import { type ImagePart, parts } from './images/parts.ts';

interface Options {
  readonly inputs: Inputs;
  readonly file: string;
  readonly prefix: string;
  readonly tag: string;
  readonly compression: Compression;
  readonly rootfs: { readonly folder: string; readonly part: ImagePart } | undefined;
}

const repository = path.join(import.meta.dirname, '..');

function options(): Options {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', default: process.arch === 'arm64' ? 'arm64' : 'amd64' },
      out: { type: 'string' },
      prefix: { type: 'string', default: 'ambit' },
      tag: { type: 'string' },
      compression: { type: 'string', default: 'gzip' },
      rootfs: { type: 'string' },
      part: { type: 'string' },
    },
  });
  const architecture = architectureNamed(values.arch);
  if (architecture === undefined) throw usage('--arch is amd64 or arm64');
  const { compression } = values;
  if (compression !== 'gzip' && compression !== 'zstd') {
    throw usage('--compression is gzip or zstd');
  }
  const part = parts.find(({ name }) => name === values.part);
  if (values.rootfs !== undefined && part === undefined) {
    throw usage(`--rootfs needs --part, one of ${parts.map(({ name }) => name).join(', ')}`);
  }
  const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
    version: string;
  };
  const tag = values.tag ?? version;
  const folder = path.join(repository, 'dist', 'images');
  const cache = path.join(repository, 'node_modules', '.ambit-images', architecture.debian);
  return {
    inputs: {
      repository,
      architecture,
      version,
      cache,
      debian: new DebianPackages(architecture, cache),
    },
    file: path.resolve(values.out ?? path.join(folder, `ambit-${tag}-${architecture.debian}.tar`)),
    prefix: values.prefix,
    tag,
    compression,
    rootfs: values.rootfs !== undefined && part ? { folder: values.rootfs, part } : undefined,
  };
}

function usage(what: string): AmbitError {
  return new AmbitError('AMB1801', what);
}

function fillOne({ folder, part }: { folder: string; part: ImagePart }, inputs: Inputs): void {
  mkdirSync(folder, { recursive: true });
  for (const { fill } of imageFolders(part, inputs)) fill(folder);
}

async function build({ inputs, file, prefix, tag, compression }: Options): Promise<void> {
  mkdirSync(inputs.cache, { recursive: true });
  mkdirSync(path.dirname(file), { recursive: true });
  const work = mkdtempSync(path.join(inputs.cache, 'work-'));
  const kept = path.join(inputs.cache, 'layers');
  try {
    const tell = (line: string): void => console.log(line);
    const how = { prefix, tag, compression, work, kept, tell };
    writeArchive(await buildImages(parts, inputs, how), { file, ...inputs });
    forgetOldLayers(kept);
  } finally {
    rmSync(work, { recursive: true });
  }
  console.log(`${file}: ${megabytes(statSync(file).size)}`);
}

try {
  const chosen = options();
  if (chosen.rootfs === undefined) await build(chosen);
  else fillOne(chosen.rootfs, chosen.inputs);
} catch (error) {
  console.error(causeChain(error));
  process.exitCode = 1;
}
