// Which programs stand for image names: FOLDER/.ambit/images.yaml and --image NAME=COMMAND. Pure but for
// reading the file.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { AmbitError } from '../../runtime/errors.ts';
import { type ImageEntry, imageName } from '../kubelet/image-table.ts';

/** The file, relative to the folder of manifests. */
export const imagesFile = '.ambit/images.yaml';

/** The entries of a folder's table; none when it has no such file. @throws AmbitError AMB1108 */
export function readImagesFile(folder: string): Map<string, ImageEntry> {
  const file = path.join(folder, imagesFile);
  if (!existsSync(file)) return new Map();
  return parseImages(file, readFileSync(file, 'utf8'), folder);
}

/** Entries from the file's text. @throws AmbitError AMB1108 naming the field */
export function parseImages(file: string, text: string, folder: string): Map<string, ImageEntry> {
  const refuse = (problem: string, field?: string, cause?: unknown): AmbitError =>
    new AmbitError('AMB1108', problem, {
      object: file,
      ...(field === undefined ? {} : { field }),
      cause,
    });
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw refuse('it is not YAML', undefined, error);
  }
  const images = isRecord(value) ? value['images'] : undefined;
  if (!isRecord(images)) throw refuse('it is missing', 'images');
  const entries = Object.entries(images).map(([name, entry]): [string, ImageEntry] => {
    const command = isRecord(entry) ? entry['command'] : undefined;
    if (!isWords(command)) throw refuse('it is not a list of words', `images.${name}.command`);
    return [imageName(name), { command, folder }];
  });
  return new Map(entries);
}

/** One `NAME=COMMAND`, the command's words divided by blanks. @throws AmbitError AMB1108 */
export function parseImageFlag(text: string, folder: string): [string, ImageEntry] {
  const index = text.indexOf('=');
  const command = text
    .slice(index + 1)
    .split(/\s+/)
    .filter((word) => word !== '');
  if (index <= 0 || command.length === 0) {
    throw new AmbitError('AMB1108', `--image ${text} is not NAME=COMMAND`);
  }
  return [imageName(text.slice(0, index)), { command, folder }];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWords(value: unknown): value is string[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string')
  );
}

/** The entries that an earlier start of the mesh was given: its pods are still there. */
export function rememberedImages(file: string): Map<string, ImageEntry> {
  try {
    const entries = JSON.parse(readFileSync(file, 'utf8')) as [string, ImageEntry][];
    return new Map(entries);
  } catch {
    return new Map(); // the first start
  }
}

/** Keeps entries for the next start. */
export function rememberImages(file: string, images: ReadonlyMap<string, ImageEntry>): void {
  writeFileSync(file, JSON.stringify([...images]));
}
