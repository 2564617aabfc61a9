// What a program is made of: the source files it imports, directly or through others, and the packages.

import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { withoutTypes } from './compile.ts';

export interface ModuleGraph {
  /** Paths below `root`, sorted. */
  readonly files: readonly string[];
  /** Names of the packages that these files import, sorted. */
  readonly packages: readonly string[];
}

/** Imports and exports from somewhere, and `import()` of a fixed name. Types that are imported are gone
 * once types are stripped, so the text is looked at after that. */
const importPattern = /(?:\bfrom\s+|\bimport\s*\(?\s*)['"]([\w@.][\w@./:-]*)['"]/g;

export function moduleGraph(root: string, entry: string): ModuleGraph {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    const text = withoutTypes(readFileSync(path.join(root, file), 'utf8'));
    for (const [, target = ''] of text.matchAll(importPattern)) {
      if (target.startsWith('.')) waiting.push(path.join(path.dirname(file), target));
      else if (!isBuiltin(target)) packages.add(packageOf(target));
    }
  }
  return { files: [...files].toSorted(), packages: [...packages].toSorted() };
}

/** `@scope/name` of `@scope/name/file.js`. */
function packageOf(target: string): string {
  return target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');
}
