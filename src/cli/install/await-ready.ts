// Waits for what was applied.

import { AmbitError } from '../../runtime/errors.ts';
import { awaitCondition } from '../await-condition.ts';
import type { CommandContext } from '../command.ts';
import { type KubernetesObject, titleOf } from './object.ts';
import type { ObjectApi } from './object-api.ts';
import { waitsFor, whyNotReady } from './readiness.ts';

/** An object that is not ready, and what it waits for. */
interface Unready {
  readonly object: KubernetesObject;
  readonly what: string;
}

/** Waits until all objects are ready. @throws AmbitError AMB1849 with what is not, and why */
export async function awaitReady(
  api: ObjectApi,
  objects: readonly KubernetesObject[],
  timeoutMs: number,
  context: CommandContext,
): Promise<void> {
  let last: readonly Unready[] = [];
  const look = async () => {
    last = await unready(api, objects);
    const [first] = last;
    if (first === undefined) return { kind: 'done', value: undefined } as const;
    return { kind: 'waiting', for: first.what } as const;
  };
  const names = objects.map(titleOf).join(', ');
  const seen = await awaitCondition(names, look, timeoutMs, context);
  if (seen.kind === 'done') return;
  const reasons = await reasonsOf(api, last);
  throw new AmbitError(
    'AMB1849',
    [`not ready within ${timeoutMs / 1000} s`, ...reasons].join('\n  '),
    { object: last.map(({ object }) => titleOf(object)).join(', ') },
  );
}

async function unready(api: ObjectApi, objects: readonly KubernetesObject[]): Promise<Unready[]> {
  const states = await Promise.all(objects.map(async (one) => waitsFor(await api.read(one))));
  return objects.flatMap((object, index) => {
    const what = states[index];
    return what === undefined ? [] : [{ object, what }];
  });
}

async function reasonsOf(api: ObjectApi, waiting: readonly Unready[]): Promise<string[]> {
  const events = await api.list('v1', 'Event');
  const newest = new Map(
    events.map((event) => {
      const about = event['involvedObject'] as { readonly name?: string } | undefined;
      return [about?.name ?? '', String(event['message'])];
    }),
  );
  const reasons = waiting.map(async ({ object, what }) => [
    `${titleOf(object)} waits for ${what}`,
    ...whyNotReady(await podsOf(api, object), newest),
  ]);
  return (await Promise.all(reasons)).flat();
}

async function podsOf(api: ObjectApi, object: KubernetesObject): Promise<KubernetesObject[]> {
  const { selector } = object['spec'] as {
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  };
  const labels = Object.entries(selector?.matchLabels ?? {});
  if (labels.length === 0) return [];
  const pods = await api.list('v1', 'Pod', labels.map((pair) => pair.join('=')).join(','));
  return pods.filter(({ metadata }) => metadata.namespace === object.metadata.namespace);
}
