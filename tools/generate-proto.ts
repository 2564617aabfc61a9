// Generates src/wire/gen from every file below proto/. Needs no network: buf and the plugin are
// packages of this repository. test/wire/generated.test.ts compares the result with what is checked in.

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');

/** Generates into a folder, which is emptied first. */
export function generateProto(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  const template = {
    version: 'v2',
    plugins: [
      {
        local: [process.execPath, path.join(root, 'node_modules/.bin/protoc-gen-es')],
        out: folder,
        opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
      },
    ],
  };
  execFileSync(
    process.execPath,
    [
      path.join(root, 'node_modules/.bin/buf'),
      'generate',
      path.join(root, 'proto'),
      '--template',
      JSON.stringify(template),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
}

if (import.meta.main) generateProto(path.join(root, 'src/wire/gen'));
