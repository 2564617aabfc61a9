// The version of the program that runs: that of the package it belongs to.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The version of the nearest package.json above this file; `unknown` where there is none, as in a program of
 * one file. */
export function ownVersion(): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'package.json');
    if (existsSync(file)) {
      const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version?: string };
      return version ?? 'unknown';
    }
    if (folder === path.dirname(folder)) return 'unknown';
  }
}
