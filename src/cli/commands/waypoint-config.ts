// ambit waypoint-config: what a waypoint knows and does.

import { parseArgs } from 'node:util';
import type { ServiceConfig } from '../../mesh/route.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { Cluster, ClusterObject } from '../cluster.ts';
import {
  clusterOptions,
  clusterUsage,
  openCluster,
  outputForm,
  outputOptions,
} from '../cluster-options.ts';
import type { Command } from '../command.ts';
import { documentOf, withProgress } from '../output.ts';
import { tableOf } from '../table.ts';
import { destinationRows, routeRows } from '../waypoint/config-tables.ts';
import { type Fields, fieldsOf, listOf } from '../ztunnel/dump.ts';
import { certificateRows } from '../ztunnel/tables.ts';

const usage = `ambit waypoint-config PART WAYPOINT[.NAMESPACE] [flags]

  routes         the entries of its route tables, in the order in which they are tried
  destinations   what is open to the destinations of its requests, and how many endpoints are left out
  certificates   its own certificates

WAYPOINT is a Gateway, of whose pods any one is asked.

  -o, --output table|json|yaml   the form (table)
${clusterUsage}`;

const gatewayLabel = 'gateway.networking.k8s.io/gateway-name';

interface Part {
  readonly table: (dump: Fields) => readonly (readonly string[])[];
  readonly name: string;
}

const parts: ReadonlyMap<string, Part> = new Map(
  [
    {
      word: 'route',
      name: 'serviceConfigs',
      table: (dump: Fields) =>
        routeRows(listOf(dump, 'serviceConfigs') as readonly object[] as readonly ServiceConfig[]),
    },
    {
      word: 'destination',
      name: 'destinations',
      table: (dump: Fields) => destinationRows(listOf(dump, 'destinations')),
    },
    {
      word: 'certificate',
      name: 'certificates',
      table: (dump: Fields) =>
        certificateRows({ certificates: listOf(dump, 'certificates') }, Date.now()),
    },
  ].flatMap(({ word, ...part }) => [
    [word, part],
    [`${word}s`, part],
  ]),
);

export const waypointConfig: Command = {
  name: 'waypoint-config',
  summary: 'show what a waypoint knows: routes, destinations, certificates',
  usage,
  async run(args, context) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...clusterOptions, ...outputOptions },
    });
    const [word = '', waypoint] = positionals;
    const part = parts.get(word);
    if (part === undefined || waypoint === undefined || positionals.length > 2) {
      throw new AmbitError('AMB1801', `waypoint-config needs a part and a waypoint\n${usage}`);
    }
    const form = outputForm(values.output, ['table', 'json', 'yaml']);
    const cluster = openCluster(values, context.env);
    const dot = waypoint.indexOf('.');
    const name = dot === -1 ? waypoint : waypoint.slice(0, dot);
    const namespace =
      dot === -1 ? (values.namespace ?? cluster.namespace) : waypoint.slice(dot + 1);
    const pod = await podOf(cluster, namespace, name);
    const dump = fieldsOf(
      await withProgress(`asking ${pod.metadata.name}`, context, () =>
        cluster.podAdmin(pod, '/config_dump'),
      ),
    );
    context.stdout(
      form === 'table'
        ? `${tableOf(part.table(dump)).join('\n')}\n`
        : documentOf(listOf(dump, part.name), form),
    );
    return 0;
  },
};

/** A pod of the waypoint that runs. @throws AmbitError AMB1839 */
async function podOf(cluster: Cluster, namespace: string, name: string): Promise<ClusterObject> {
  const selector = encodeURIComponent(`${gatewayLabel}=${name}`);
  const pods = await cluster.list(`/api/v1/namespaces/${namespace}/pods?labelSelector=${selector}`);
  const pod = pods.find(({ status }) => status?.phase === 'Running');
  if (pod !== undefined) return pod;
  throw new AmbitError('AMB1839', `of ${pods.length} pods none runs`, {
    object: `Gateway ${namespace}/${name}`,
  });
}
