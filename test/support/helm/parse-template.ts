// The part of Go's text/template that our chart uses, read into a tree. What it does not know it refuses, so
// that a chart that renders here renders with Helm (compared once with the real one, see docs/install.md).

export type Operand =
  | { readonly kind: 'literal'; readonly value: unknown }
  /** `.A.B`, `$.A` or `$x.A`; `variable` is undefined for the dot. */
  | {
      readonly kind: 'field';
      readonly variable: string | undefined;
      readonly path: readonly string[];
    }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'group'; readonly pipeline: Pipeline };

/** Commands whose results go to the next as the last argument. */
export type Pipeline = readonly (readonly Operand[])[];

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly pipeline: Pipeline }
  | { readonly kind: 'set'; readonly variable: string; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range';
      readonly variables: readonly string[];
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

export interface Template {
  readonly nodes: readonly Node[];
  /** What `define` gave names to. */
  readonly defined: ReadonlyMap<string, readonly Node[]>;
}

type Piece = { readonly text: string } | { readonly action: string };

/** Reads a template. @throws Error naming what it does not know */
export function parseTemplate(source: string): Template {
  const pieces = split(source);
  const defined = new Map<string, readonly Node[]>();
  let at = 0;

  const block = (ends: readonly string[]): { nodes: Node[]; end: string } => {
    const nodes: Node[] = [];
    for (; at < pieces.length; at++) {
      const piece = pieces[at]!;
      if ('text' in piece) {
        if (piece.text !== '') nodes.push({ kind: 'text', text: piece.text });
        continue;
      }
      const word = /^\w*/.exec(piece.action)![0];
      if (ends.includes(word)) return { nodes, end: piece.action };
      at++;
      const node = statement(word, piece.action);
      if (node !== undefined) nodes.push(node);
    }
    if (ends.length > 0) throw new Error(`a block has no ${ends.join(' or ')}`);
    return { nodes, end: '' };
  };

  /** Leaves `at` on the action's last piece. */
  const statement = (word: string, action: string): Node | undefined => {
    if (word === 'define') {
      const name = /^define "([^"]+)"$/.exec(action)?.[1];
      if (name === undefined) throw new Error(`not a name: ${action}`);
      defined.set(name, block(['end']).nodes);
      return undefined;
    }
    if (word === 'if' || word === 'with' || word === 'range') {
      return conditional(word, action.slice(word.length));
    }
    at--;
    const assigned = /^\$(\w+)\s*:=\s*(.*)$/s.exec(action);
    if (assigned !== null) {
      return { kind: 'set', variable: assigned[1]!, pipeline: parsePipeline(assigned[2]!) };
    }
    return { kind: 'output', pipeline: parsePipeline(action) };
  };

  const conditional = (kind: 'if' | 'with' | 'range', head: string): Node => {
    const [, names = '', expression = ''] = /^\s*(?:((?:\$\w+[,\s]*)+):=)?(.*)$/s.exec(head)!;
    const variables = [...names.matchAll(/\$(\w+)/g)].map(([, name]) => name!);
    const { nodes: body, end } = block(['else', 'end']);
    let otherwise: readonly Node[] = [];
    if (end.startsWith('else')) {
      at++;
      const next = end.slice('else'.length).trim();
      if (next === '') otherwise = block(['end']).nodes;
      else if (next.startsWith('if ')) otherwise = [conditional('if', next.slice(2))];
      else throw new Error(`unknown: ${end}`);
    }
    return { kind, variables, pipeline: parsePipeline(expression), body, otherwise };
  };

  return { nodes: block([]).nodes, defined };
}

/** Texts and actions in turn; `{{-` and `-}}` take the white space beside them. */
function split(source: string): Piece[] {
  const pieces: Piece[] = [];
  let trim = false;
  let rest = source;
  for (;;) {
    const start = rest.indexOf('{{');
    const text = start === -1 ? rest : rest.slice(0, start);
    const trimBefore = rest.startsWith('{{- ', start);
    const left = trim ? text.replace(/^\s+/, '') : text;
    pieces.push({ text: start !== -1 && trimBefore ? left.replace(/\s+$/, '') : left });
    if (start === -1) return pieces;
    const end = rest.indexOf('}}', start);
    if (end === -1) throw new Error('an action does not end');
    trim = rest.slice(end - 2, end) === ' -';
    const action = rest.slice(start + (trimBefore ? 3 : 2), end - (trim ? 1 : 0)).trim();
    if (!/^\/\*.*\*\/$/s.test(action)) pieces.push({ action });
    rest = rest.slice(end + 2);
  }
}

const tokenPattern =
  /\s*(?:("(?:[^"\\]|\\.)*")|(-?\d+)\b|(true|false|nil)\b|(\$\w*|)((?:\.\w+)+|\.)|(\$\w*)|(\w+)|([()|]))/y;

function parsePipeline(text: string): Pipeline {
  const tokens = tokenize(text.trim());
  let at = 0;
  const pipeline = (): Pipeline => {
    const commands: Operand[][] = [[]];
    for (; at < tokens.length; at++) {
      const token = tokens[at]!;
      if (token === ')') break;
      if (token === '|') commands.push([]);
      else if (token === '(') {
        at++;
        commands.at(-1)!.push({ kind: 'group', pipeline: pipeline() });
        if (tokens[at] !== ')') throw new Error(`a bracket stays open in ${text}`);
      } else commands.at(-1)!.push(token);
    }
    if (commands.some((command) => command.length === 0)) throw new Error(`nothing in ${text}`);
    return commands;
  };
  const parsed = pipeline();
  if (at < tokens.length) throw new Error(`a bracket too many in ${text}`);
  return parsed;
}

function tokenize(text: string): (Operand | '(' | ')' | '|')[] {
  const tokens: (Operand | '(' | ')' | '|')[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.length) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(text);
    if (match === null) throw new Error(`unknown: ${text.slice(at)}`);
    const [, string, number, word, variable, path, alone, name, mark] = match;
    const literal = string ?? number ?? word;
    if (literal !== undefined) {
      const value: unknown = JSON.parse(literal === 'nil' ? 'null' : literal);
      tokens.push({ kind: 'literal', value });
    } else if (path !== undefined) {
      const names = path.split('.').filter((one) => one !== '');
      tokens.push({ kind: 'field', variable: variableName(variable ?? ''), path: names });
    } else if (alone !== undefined) {
      tokens.push({ kind: 'field', variable: variableName(alone), path: [] });
    } else if (name !== undefined) tokens.push({ kind: 'function', name });
    else tokens.push(mark as '(' | ')' | '|');
  }
  return tokens;
}

/** The root is the variable without a name. */
function variableName(text: string): string | undefined {
  return text === '' ? undefined : text.slice(1);
}
