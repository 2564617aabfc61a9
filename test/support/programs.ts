// Programs that others wrote: where they are, and tests that need them.

import { once } from 'node:events';
import { statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import path from 'node:path';

/** Where Debian's packages are unpacked that the set-up fetches without installing them. */
const fetched = path.resolve(import.meta.dirname, '../../node_modules/.ambit-programs');

/** The file of a program: on the path, or of a package that was fetched; undefined when there is none. */
export function pathOf(program: string, fetchedAs?: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':');
  if (fetchedAs !== undefined) {
    for (const folder of ['usr/bin', 'usr/sbin'])
      folders.push(path.join(fetched, fetchedAs, folder));
  }
  return folders
    .map((folder) => path.join(folder, program))
    .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile());
}

/** Declares tests that need programs. Where one is missing the test is left out, and that is said. */
export function withPrograms<Body>(declare: (title: string, body: Body) => void) {
  return (programs: readonly string[], title: string, body: Body): void => {
    const missing = programs.filter((program) => pathOf(program, program) === undefined);
    if (missing.length === 0) declare(title, body);
    else console.error(`left out: "${title}" needs ${missing.join(', ')}`);
  };
}

/** A port of loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
