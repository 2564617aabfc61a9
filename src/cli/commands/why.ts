// ambit why: the decisions between two parties, or of one record, in words.

import { parseArgs } from 'node:util';
import type { DecisionRecord, Party } from '../../mesh/decision.ts';
import { describeTrace } from '../../mesh/describe-decision.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import { askAll } from '../ask-all.ts';
import type { Cluster, ClusterObject } from '../cluster.ts';
import { clusterOptions, clusterUsage, openCluster } from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { positiveInteger } from '../laptop.ts';
import { withProgress } from '../output.ts';
import { isProxy } from '../proxies.ts';
import { type PartySelection, selectParty } from '../select-party.ts';

/** Connections that one call tells of at most: as many as a proxy remembers. */
const maxTold = 10_000;

const usage = `ambit why SOURCE DESTINATION[:PORT]   the newest decisions between the two
ambit why ID                          the decision with this id, or all hops of this trace

SOURCE and DESTINATION are a pod, a Deployment, an app label, a service or an address; write
NAMESPACE/NAME where a name is not unique.

      --last N                   how many connections to tell of (1)
      --json                     the records as JSON
${clusterUsage}`;

export const why: Command = {
  name: 'why',
  summary: 'say why traffic was forwarded, denied or lost',
  usage,
  async run(args, context) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...clusterOptions,
        last: { type: 'string', default: '1' },
        json: { type: 'boolean', default: false },
      },
    });
    const last = positiveInteger('--last', values.last, maxTold);
    const cluster = openCluster(values, context.env);
    const [first, second] = positionals;
    if (first === undefined || positionals.length > 2) {
      throw new AmbitError('AMB1801', `why needs SOURCE and DESTINATION, or an id\n${usage}`);
    }
    const pods = await cluster.list('/api/v1/pods');
    const all = await withProgress('asking the proxies', context, () =>
      collect(cluster, pods, context),
    );
    const traces =
      second === undefined
        ? byId(all, first)
        : await between(cluster, pods, all, [first, second], values.namespace);
    return print(traces.slice(0, last), values.json, context);
  },
};

/** Every record that the mesh's proxies still hold; a proxy that does not answer is named. */
async function collect(
  cluster: Cluster,
  pods: readonly ClusterObject[],
  context: CommandContext,
): Promise<readonly DecisionRecord[]> {
  const proxies = pods.filter(isProxy);
  if (proxies.length === 0) throw new AmbitError('AMB1805', 'no ztunnel or waypoint pod was found');
  const replies = await askAll(proxies, async (pod) => {
    const answer = (await cluster.podAdmin(pod, '/decisions?limit=10000')) as {
      readonly records: readonly DecisionRecord[];
    };
    return answer.records;
  });
  return replies.flatMap((reply) => {
    if (reply.kind === 'answer') return reply.answer;
    const { name } = reply.pod.metadata;
    context.stderr(
      codeOf(reply.error) === 'AMB1807'
        ? `${name} runs another program than Ambit's proxies, such as a stock ztunnel: what it decided is in its own log only (AMB1807)\n`
        : `${name} did not answer: ${causeChain(reply.error)}\n`,
    );
    return [];
  });
}

type Trace = readonly DecisionRecord[];

function byId(all: readonly DecisionRecord[], id: string): readonly Trace[] {
  const found = all.find((record) => record.id === id || record.traceId === id);
  return found === undefined ? [] : [all.filter((record) => record.traceId === found.traceId)];
}

async function between(
  cluster: Cluster,
  pods: readonly ClusterObject[],
  all: readonly DecisionRecord[],
  [sourceWord, destinationWord]: readonly [string, string],
  namespace: string | undefined,
): Promise<readonly Trace[]> {
  const entries = (await cluster.find('/apis/networking.istio.io/v1/serviceentries')) as
    | { readonly items?: readonly ClusterObject[] }
    | undefined;
  const objects = {
    pods,
    namespace,
    services: await cluster.list('/api/v1/services'),
    entries: entries?.items ?? [],
  };
  const source = selectParty(sourceWord, objects);
  const destination = selectParty(destinationWord, objects);
  const matching = all
    .filter((record) => isParty(record.source, source) && isParty(record.destination, destination))
    .toSorted((a, b) => (a.time < b.time ? 1 : -1));
  const ids = [...new Set(matching.map((record) => record.traceId))];
  return ids.map((id) => all.filter((record) => record.traceId === id));
}

function isParty(party: Party, wanted: PartySelection): boolean {
  const colon = party.address.lastIndexOf(':');
  const address = party.address.slice(0, colon).replaceAll(/[[\]]/g, '');
  if (wanted.port !== undefined && Number(party.address.slice(colon + 1)) !== wanted.port)
    return false;
  return (
    wanted.addresses.has(address) ||
    (party.workload !== undefined && wanted.pods.has(`${party.namespace}/${party.workload}`)) ||
    [...wanted.services].some((service) => party.service?.startsWith(service) === true)
  );
}

function print(traces: readonly Trace[], asJson: boolean, context: CommandContext): number {
  if (asJson) {
    context.stdout(`${JSON.stringify(traces, null, 2)}\n`);
    return traces.length === 0 ? 1 : 0;
  }
  if (traces.length === 0) {
    context.stdout(
      'No such decision is on record: the traffic did not pass a proxy of the mesh (is its namespace labelled\n' +
        'istio.io/dataplane-mode=ambient?), or it is older than what the proxies keep.\n',
    );
    return 1;
  }
  context.stdout(`${traces.map(describeTrace).join('\n\n')}\n`);
  return 0;
}
