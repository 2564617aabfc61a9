// TypeScript to JavaScript by taking the types away: lines and columns stay as in the source, so that a
// stack trace from an image leads to it. In an image rather than at every start, since the compiler that
// Node would load for it costs each process 30 MB and a third of a second (measured with ztunnel).

import { stripTypeScriptTypes } from 'node:module';

const relativeImport = /((?:\bfrom\s*|\bimport\s*\(?\s*)(['"])\.[^'"\n]*)\.ts\2/g;

/** @throws SyntaxError where the source has more than erasable types */
export function compile(source: string): string {
  return withoutTypes(source).replace(relativeImport, '$1.js$2');
}

/** The text with spaces where types were: imports of types are gone, too. */
export function withoutTypes(source: string): string {
  return stripTypeScriptTypes(source, { mode: 'strip' });
}

/** The name of what `compile` gives. */
export function compiledName(file: string): string {
  return file.replace(/\.ts$/, '.js');
}
