// ambit uninstall: takes the mesh off a cluster, and proves that nothing is left.

import { parseArgs } from 'node:util';
import { AmbitError } from '../../runtime/errors.ts';
import { awaitCondition } from '../await-condition.ts';
import { clusterOptions, clusterUsage, openCluster } from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { durationMs } from '../duration.ts';
import { confirmed } from '../install/confirm.ts';
import { type KubernetesObject, titleOf } from '../install/object.ts';
import { ObjectApi } from '../install/object-api.ts';
import { planUninstall, type UninstallPlan } from '../install/plan-uninstall.ts';
import { isEnrolled, uninstallFacts, usersOf } from '../install/uninstall-facts.ts';
import { paint } from '../output.ts';

const usage = `ambit uninstall [--purge]   take the mesh off a cluster

Pods leave the mesh first, while there are proxies for the connections that go on; none is restarted. Then go the
proxies, the controller and what it wrote. Your own objects stay: Gateways, routes, policies, labels, and with
them the definitions of their kinds.

  --purge                    the definitions, all objects of their kinds, and waypoints' Gateways too
  -y, --skip-confirmation    do not ask
  --timeout TIME             how long each part may take to be gone (3m)
${clusterUsage}`;

export const uninstall: Command = {
  name: 'uninstall',
  summary: 'take the mesh off a cluster',
  usage,
  async run(args, context) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...clusterOptions,
        purge: { type: 'boolean', default: false },
        'skip-confirmation': { type: 'boolean', short: 'y', default: false },
        timeout: { type: 'string', default: '3m' },
      },
    });
    const timeoutMs = durationMs('--timeout', values.timeout);
    const api = new ObjectApi(openCluster(values, context.env));
    const facts = await uninstallFacts(api, values.istioNamespace);
    const plan = planUninstall(facts, values.purge);
    if (plan.steps.length === 0) {
      throw new AmbitError('AMB1851', `there is no mesh in ${values.istioNamespace}`);
    }
    for (const line of await usersOf(api, facts)) context.stderr(`${line}\n`);
    const question = 'This will take the mesh off the cluster. Proceed?';
    if (!(await confirmed(question, values['skip-confirmation'], context))) return 1;
    for (const { name, objects } of plan.steps) {
      for (const object of objects) await api.remove(object);
      await awaitGone(api, name, objects, timeoutMs, context);
      context.stderr(`${paint('✔', 'green', context)} ${name} removed\n`);
      if (name === 'Node agents') await awaitNoneEnrolled(api, timeoutMs, context);
    }
    context.stdout(await proof(api, values.istioNamespace, plan));
    return 0;
  },
};

/** Waits until objects and the pods of what ran them are gone. @throws AmbitError AMB1852 */
async function awaitGone(
  api: ObjectApi,
  name: string,
  objects: readonly KubernetesObject[],
  timeoutMs: number,
  context: CommandContext,
): Promise<void> {
  let left: string[] = [];
  const look = async () => {
    left = (await Promise.all(objects.map(async (one) => await remainsOf(api, one)))).flat();
    const [first] = left;
    if (first === undefined) return { kind: 'done', value: undefined } as const;
    return { kind: 'waiting', for: first } as const;
  };
  const seen = await awaitCondition(`${name} to be gone`, look, timeoutMs, context);
  if (seen.kind === 'done') return;
  throw new AmbitError('AMB1852', `not gone within ${timeoutMs / 1000} s`, {
    object: left.join(', '),
  });
}

async function remainsOf(api: ObjectApi, object: KubernetesObject): Promise<string[]> {
  const found = await api.read(object).catch((error: unknown) => {
    // A kind whose definition is gone has no objects.
    if (error instanceof AmbitError && error.code === 'AMB1832') return undefined;
    throw error;
  });
  const remains = found === undefined ? [] : [titleOf(object)];
  if (object.kind !== 'DaemonSet' && object.kind !== 'Deployment') return remains;
  const { name, namespace } = object.metadata;
  const pods = await api.list('v1', 'Pod', `app=${name}`);
  return [...remains, ...pods.filter((pod) => pod.metadata.namespace === namespace).map(titleOf)];
}

/** @throws AmbitError AMB1852 naming pods whose traffic would be lost with the proxies */
async function awaitNoneEnrolled(
  api: ObjectApi,
  timeoutMs: number,
  context: CommandContext,
): Promise<void> {
  const look = async () => {
    const pods = (await api.list('v1', 'Pod')).filter(isEnrolled);
    if (pods.length === 0) return { kind: 'done', value: undefined } as const;
    return { kind: 'waiting', for: pods.map(titleOf).join(', ') } as const;
  };
  const seen = await awaitCondition('all pods to leave the mesh', look, timeoutMs, context);
  if (seen.kind === 'done') return;
  const problem =
    'pods are still redirected: the node proxies stay, so that their traffic is not lost';
  throw new AmbitError('AMB1852', problem, { object: seen.for });
}

/** Looks once more, at everything. @throws AmbitError AMB1852 */
async function proof(api: ObjectApi, namespace: string, plan: UninstallPlan): Promise<string> {
  const now = planUninstall(await uninstallFacts(api, namespace), false);
  const left = now.steps.flatMap(({ objects }) => objects).map(titleOf);
  if (left.length > 0)
    throw new AmbitError('AMB1852', 'it is still there', { object: left.join(', ') });
  const removed = plan.steps.reduce((sum, { objects }) => sum + objects.length, 0);
  const reasons = Map.groupBy(plan.kept, ({ why }) => why);
  const kept = [...reasons].map(([why, all]) => {
    const names = all.map(({ object }) => titleOf(object));
    return `  kept ${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}: ${why}`;
  });
  return [
    ...kept,
    `The mesh is gone: ${removed} objects removed, none left, no pod redirected. Conditions in the status of your objects stay.`,
    '',
  ].join('\n');
}
