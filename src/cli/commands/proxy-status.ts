// ambit proxy-status: which proxies are connected to the controller, and how far they have followed.

import { parseArgs } from 'node:util';
import { AmbitError } from '../../runtime/errors.ts';
import { silences } from '../ask-all.ts';
import type { ClusterObject } from '../cluster.ts';
import {
  clusterOptions,
  clusterUsage,
  openCluster,
  outputForm,
  outputOptions,
} from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { connectedProxies, controllers } from '../control-plane.ts';
import { documentOf, withProgress } from '../output.ts';
import { isProxy } from '../proxies.ts';
import { nameOfProxy, type ProxyOf, proxyRows, typeRows } from '../proxy-status-rows.ts';
import { tableOf } from '../table.ts';

const usage = `ambit proxy-status [PROXY[.NAMESPACE]] [flags]      (short: ambit ps)

  Asks every replica of the controller for its proxies. A type of configuration is SYNCED when the proxy
  has acknowledged what it was sent last, STALE while it has not, NOT SENT before, ERROR when it refused,
  IGNORED when it did not ask. Types: WDS workloads and services, WADS authorization policies, and of
  waypoints SCDS routes, WLDS labels of workloads, CRDS credentials.

  -v, --verbosity 0|1            1: a column for each type
  -o, --output table|json|yaml   the form (table)
${clusterUsage}`;

export const proxyStatus: Command = {
  name: 'proxy-status',
  summary: 'show the proxies of the controller and how far they have followed it',
  usage,
  async run(args, context) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...clusterOptions,
        ...outputOptions,
        verbosity: { type: 'string', short: 'v', default: '0' },
      },
    });
    const [name] = positionals;
    if (positionals.length > 1) throw new AmbitError('AMB1801', 'proxy-status takes one proxy');
    const form = outputForm(values.output, ['table', 'json', 'yaml']);
    if (values.verbosity !== '0' && values.verbosity !== '1') {
      throw new AmbitError('AMB1801', `--verbosity ${values.verbosity} is not one of 0, 1`);
    }
    const cluster = openCluster(values, context.env);
    const replicas = await controllers(cluster, values.istioNamespace);
    const replies = await withProgress('asking the controller', context, () =>
      connectedProxies(cluster, replicas),
    );
    const proxies = replies.flatMap((reply) =>
      reply.kind === 'none'
        ? []
        : reply.answer.map((connected) => ({ controller: reply.pod.metadata.name, connected })),
    );
    for (const line of silences(replies)) context.stderr(`${line}\n`);
    const missed = silences(replies).length > 0 ? 1 : 0;
    if (name !== undefined) return missed + one(proxies, name, form, context);
    if (form === 'table') warnUnconnected(await cluster.list('/api/v1/pods'), proxies, context);
    context.stdout(
      form === 'table'
        ? `${tableOf(proxyRows(proxies, values.verbosity === '1')).join('\n')}\n`
        : documentOf(proxies, form),
    );
    return missed;
  },
};

/** Prints one proxy in detail. */
function one(
  proxies: readonly ProxyOf[],
  name: string,
  form: 'table' | 'json' | 'yaml',
  context: CommandContext,
): number {
  const plain = name.replace(/^[a-z]+\//, '');
  const found = proxies.filter(
    ({ connected }) => connected.proxy.name === plain || nameOfProxy(connected) === plain,
  );
  if (found.length === 0) {
    throw new AmbitError('AMB1838', `no replica of the controller has a proxy ${name}`);
  }
  if (form !== 'table') {
    context.stdout(documentOf(found, form));
    return 0;
  }
  for (const { controller, connected } of found) {
    const { cluster, version } = connected.build;
    const head = `${nameOfProxy(connected)}   cluster ${cluster}   ${controller}   version ${version || 'unknown'}`;
    context.stdout(`${[head, '', ...tableOf(typeRows(connected))].join('\n')}\n`);
  }
  return 0;
}

/** Names proxies that run and are connected to nobody: they know nothing new. */
function warnUnconnected(
  pods: readonly ClusterObject[],
  proxies: readonly ProxyOf[],
  context: CommandContext,
): void {
  const known = new Set(proxies.map(({ connected }) => nameOfProxy(connected)));
  for (const pod of pods.filter(isProxy)) {
    const name = `${pod.metadata.name}.${pod.metadata.namespace}`;
    if (pod.status?.phase !== 'Running' || known.has(name)) continue;
    context.stderr(`${name} runs and is connected to no controller that answered (AMB1838)\n`);
  }
}
