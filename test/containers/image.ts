// Images made on the spot: an OCI archive with one layer (opencontainers/image-spec).

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Writes `image.tar`, the archive of an image that has only busybox and its commands.
 * @param folder a folder to work in */
export function busyboxImage(folder: string, busybox: string, reference: string): void {
  const root = path.join(folder, 'root');
  for (const name of ['bin', 'www', 'tmp', 'etc'])
    mkdirSync(path.join(root, name), { recursive: true });
  copyFileSync(busybox, path.join(root, 'bin/busybox'));
  for (const name of ['sh', 'sleep', 'httpd', 'wget', 'cat']) {
    symlinkSync('busybox', path.join(root, 'bin', name));
  }
  writeFileSync(path.join(root, 'www/index.html'), 'hello from a container\n');
  const layer = tarOf(root, path.join(folder, 'layer.tar'));
  const layout = path.join(folder, 'layout');
  mkdirSync(path.join(layout, 'blobs/sha256'), { recursive: true });
  const add = (bytes: Buffer, mediaType: string): object => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(path.join(layout, 'blobs/sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const addJson = (value: object, mediaType: string): object =>
    add(Buffer.from(JSON.stringify(value)), mediaType);
  const type = (name: string): string => `application/vnd.oci.image.${name}`;
  const bytes = readFileSync(layer);
  const config = addJson(
    {
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Env: ['PATH=/bin'], Cmd: ['/bin/sleep', '1000000'] },
      rootfs: {
        type: 'layers',
        diff_ids: [`sha256:${createHash('sha256').update(bytes).digest('hex')}`],
      },
    },
    type('config.v1+json'),
  );
  const layers = [add(bytes, type('layer.v1.tar'))];
  const mediaType = type('manifest.v1+json');
  const manifest = addJson({ schemaVersion: 2, mediaType, config, layers }, mediaType);
  const annotations = { 'io.containerd.image.name': reference };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  writeFileSync(path.join(layout, 'index.json'), JSON.stringify(index));
  writeFileSync(path.join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  tarOf(layout, path.join(folder, 'image.tar'));
}

function tarOf(folder: string, file: string): string {
  execFileSync('tar', ['--owner=0', '--group=0', '-C', folder, '-cf', file, '.']);
  return file;
}
