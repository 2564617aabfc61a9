// Renders a chart as `helm template` does, as far as our own chart needs it.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { type Node, type Operand, type Pipeline, parseTemplate } from './parse-template.ts';
import { isTrue, shown, templateFunctions } from './template-functions.ts';

interface Scope {
  readonly dot: unknown;
  readonly variables: ReadonlyMap<string, unknown>;
}

class Renderer {
  readonly #named = new Map<string, readonly Node[]>();

  define(defined: ReadonlyMap<string, readonly Node[]>): void {
    for (const [name, nodes] of defined) this.#named.set(name, nodes);
  }

  render(nodes: readonly Node[], dot: unknown): string {
    return this.#nodes(nodes, { dot, variables: new Map([['', dot]]) });
  }

  #nodes(nodes: readonly Node[], scope: Scope): string {
    const variables = new Map(scope.variables);
    const own = { dot: scope.dot, variables };
    let text = '';
    for (const node of nodes) {
      if (node.kind === 'text') text += node.text;
      else if (node.kind === 'output') text += shown(this.#pipeline(node.pipeline, own));
      else if (node.kind === 'set')
        variables.set(node.variable, this.#pipeline(node.pipeline, own));
      else text += this.#block(node, own);
    }
    return text;
  }

  #block(node: Extract<Node, { body: readonly Node[] }>, scope: Scope): string {
    const value = this.#pipeline(node.pipeline, scope);
    if (!isTrue(value)) return this.#nodes(node.otherwise, scope);
    if (node.kind === 'if') return this.#nodes(node.body, scope);
    if (node.kind === 'with') return this.#nodes(node.body, { ...scope, dot: value });
    const entries = Array.isArray(value)
      ? value.map((item, index): [unknown, unknown] => [index, item])
      : Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return entries
      .map(([key, item]) => {
        const named = node.variables.length === 2 ? [key, item] : [item];
        const added = node.variables.map((name, index): [string, unknown] => [name, named[index]]);
        const variables = new Map([...scope.variables, ...added]);
        return this.#nodes(node.body, { dot: item, variables });
      })
      .join('');
  }

  #pipeline(pipeline: Pipeline, scope: Scope): unknown {
    let result: { readonly value: unknown } | undefined;
    for (const [first, ...rest] of pipeline) {
      const args = rest.map((operand) => this.#value(operand, scope));
      if (result !== undefined) args.push(result.value);
      result = { value: this.#call(first!, args, scope) };
    }
    return result?.value;
  }

  #call(first: Operand, args: readonly unknown[], scope: Scope): unknown {
    if (first.kind === 'function') {
      if (first.name === 'include') return this.#include(String(args[0]), args[1]);
      const known = templateFunctions[first.name];
      if (known === undefined) throw new Error(`unknown function ${first.name}`);
      return known(...args);
    }
    const value = this.#value(first, scope);
    if (typeof value === 'function')
      return (value as (...all: readonly unknown[]) => unknown)(...args);
    if (args.length > 0) throw new Error('what is no function has arguments');
    return value;
  }

  #include(name: string, dot: unknown): string {
    const nodes = this.#named.get(name);
    if (nodes === undefined) throw new Error(`no template ${name}`);
    return this.render(nodes, dot);
  }

  #value(operand: Operand, scope: Scope): unknown {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'group':
        return this.#pipeline(operand.pipeline, scope);
      case 'function':
        return this.#call(operand, [], scope);
      case 'field': {
        const { variable, path: names } = operand;
        if (variable !== undefined && !scope.variables.has(variable)) {
          throw new Error(`no variable $${variable}`);
        }
        let value = variable === undefined ? scope.dot : scope.variables.get(variable);
        for (const name of names) {
          if (typeof value !== 'object' || value === null) throw new Error(`no ${name} in nothing`);
          value = (value as Record<string, unknown>)[name];
        }
        return value;
      }
    }
  }
}

export interface RenderOptions {
  readonly namespace: string;
  /** Worked into the chart's own values. */
  readonly values?: object;
}

/** The objects that a chart gives. */
export function renderChart(folder: string, { namespace, values = {} }: RenderOptions): object[] {
  const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
  const { name, version, appVersion } = parse(read('Chart.yaml')) as Record<string, string>;
  const context = {
    Values: over(parse(read('values.yaml')), values),
    Release: { Namespace: namespace, Name: name },
    Chart: { Name: name, Version: version, AppVersion: appVersion },
    Files: {
      Get: (file: unknown) => read(String(file)),
      Glob: (where: unknown) => glob(folder, String(where)),
    },
  };
  const templates = readdirSync(path.join(folder, 'templates')).toSorted();
  const renderer = new Renderer();
  const parsed = templates.map((file) => ({ file, ...parseTemplate(read(`templates/${file}`)) }));
  for (const { defined } of parsed) renderer.define(defined);
  return parsed
    .filter(({ file }) => file.endsWith('.yaml'))
    .flatMap(({ file, nodes }) => {
      const text = renderer.render(nodes, context);
      return parseAllDocuments(text).flatMap((document) => {
        const [problem] = document.errors;
        if (problem !== undefined) throw new Error(`${file}: ${problem.message}`);
        return (document.toJS() as object | null) ?? [];
      });
    });
}

/** Files of one folder by the end of their names, as `FOLDER/*.yaml` asks for. */
function glob(folder: string, where: string): Record<string, string> {
  const [inside, pattern] = [path.dirname(where), path.basename(where)];
  const found = readdirSync(path.join(folder, inside))
    .filter((name) => name.endsWith(pattern.slice(1)))
    .filter((name) => statSync(path.join(folder, inside, name)).isFile());
  return Object.fromEntries(found.map((name) => [path.join(inside, name), '']));
}

/** Values of the second before those of the first, map by map. */
function over(first: unknown, second: unknown): unknown {
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap(first) || !isMap(second)) return second ?? first;
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return Object.fromEntries([...names].map((name) => [name, over(first[name], second[name])]));
}
