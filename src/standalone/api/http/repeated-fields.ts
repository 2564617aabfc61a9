// Finds fields that a JSON or YAML text gives twice in one object, which parsers pass over.

import { type Document, isMap, isScalar, isSeq } from 'yaml';

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

interface Level {
  readonly path: string;
  /** Names seen, for an object; undefined for a list. */
  readonly names: Set<string> | undefined;
  index: number;
  name: string;
}

/** The paths of repeated fields in a text that is valid JSON. */
export function repeatedJsonFields(text: string): string[] {
  const repeated: string[] = [];
  const levels: Level[] = [];
  let previous = '';
  for (const [token] of text.matchAll(tokens)) {
    const top = levels.at(-1);
    if (token === '{' || token === '[') {
      const names = token === '{' ? new Set<string>() : undefined;
      levels.push({ path: pathBelow(top), names, index: 0, name: '' });
    } else if (token === '}' || token === ']') {
      levels.pop();
    } else if (token === ',' && top !== undefined) {
      top.index++;
    } else if (top?.names !== undefined && (previous === '{' || previous === ',')) {
      top.name = JSON.parse(token) as string;
      if (top.names.has(top.name)) repeated.push(pathBelow(top));
      top.names.add(top.name);
    }
    previous = token;
  }
  return repeated;
}

function pathBelow(level: Level | undefined): string {
  if (level === undefined) return '';
  if (level.names === undefined) return `${level.path}[${level.index}]`;
  return level.path === '' ? level.name : `${level.path}.${level.name}`;
}

/** The paths of repeated fields in a YAML document. */
export function repeatedYamlFields(document: Document): string[] {
  const repeated: string[] = [];
  const visit = (node: unknown, path: string): void => {
    if (isSeq(node)) node.items.forEach((item, index) => visit(item, `${path}[${index}]`));
    if (!isMap(node)) return;
    const names = new Set<string>();
    for (const { key, value } of node.items) {
      const name = String(isScalar(key) ? key.value : key);
      const below = path === '' ? name : `${path}.${name}`;
      if (names.has(name)) repeated.push(below);
      names.add(name);
      visit(value, below);
    }
  };
  visit(document.contents, '');
  return repeated;
}
