// Log levels of node proxies: read, set, reset.

import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { ClusterObject } from '../cluster.ts';
import type { CommandContext } from '../command.ts';

/** What the words of users are called by proxies. */
const levels: ReadonlyMap<string, string> = new Map([
  ['trace', 'trace'],
  ['debug', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['critical', 'error'],
  ['off', 'off'],
]);

/** The query by which a proxy is told, empty to ask alone (protocol section 7.5).
 * @throws AmbitError AMB1801 */
export function logLevelQuery(flags: {
  readonly level?: string | undefined;
  readonly reset: boolean;
  readonly output?: string | undefined;
}): string {
  const { level, reset, output } = flags;
  if (output !== undefined && output !== 'short') {
    throw new AmbitError('AMB1801', '-o is not for log levels');
  }
  if (reset && level !== undefined) {
    throw new AmbitError('AMB1801', '--level and --reset exclude each other');
  }
  if (reset) return '?reset=';
  return level === undefined ? '' : `?level=${encodeURIComponent(wantedLevels(level))}`;
}

function wantedLevels(text: string): string {
  return text
    .split(',')
    .map((item) => {
      const [, part = '', word = ''] = /^(.*[^:]?[:=])?([^:=]+)$/.exec(item.trim()) ?? [];
      const level = levels.get(word.toLowerCase());
      if (level !== undefined) return `${part.replace(/[:=]$/, '=')}${level}`;
      const known = [...levels.keys()].join(', ');
      throw new AmbitError('AMB1801', `--level ${item} has none of the levels ${known}`);
    })
    .join(',');
}

/** Prints what each proxy answers; 1 when one did not. */
export async function printLogLevels(
  pods: readonly ClusterObject[],
  ask: (pod: ClusterObject) => Promise<string>,
  context: CommandContext,
): Promise<number> {
  let code = 0;
  for (const pod of pods) {
    const { name, namespace } = pod.metadata;
    try {
      const answer = await ask(pod);
      context.stdout(`${name}.${namespace}:\n${answer.trimEnd()}\n\n`);
    } catch (error) {
      code = 1;
      context.stderr(`${name}.${namespace}: ${causeChain(error)}\n`);
    }
  }
  return code;
}
