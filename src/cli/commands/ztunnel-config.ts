// ambit ztunnel-config: what a node proxy knows and does, in istioctl's tables.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { AmbitError } from '../../runtime/errors.ts';
import type { ClusterObject } from '../cluster.ts';
import {
  clusterOptions,
  clusterUsage,
  openCluster,
  outputForm,
  outputOptions,
} from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { documentOf, withProgress } from '../output.ts';
import { tableOf } from '../table.ts';
import { chooseZtunnels } from '../ztunnel/choose.ts';
import { connectionRows, type Direction, servedPods } from '../ztunnel/connection-rows.ts';
import { readDump, type ZtunnelDump } from '../ztunnel/dump.ts';
import { logLevelQuery, printLogLevels } from '../ztunnel/log-levels.ts';
import {
  certificateRows,
  chosen,
  policyRows,
  serviceRows,
  workloadRows,
} from '../ztunnel/tables.ts';

const usage = `ambit ztunnel-config PART [ZTUNNEL] [flags]      (short: ambit zc)

  workload      the workloads that a node proxy knows
  service       its services
  policy        its authorization policies
  certificate   the certificates that it holds for the pods of its node
  connections   the connections that are open now
  all           all of these
  log           its log levels; of every node proxy when none is named

ZTUNNEL is [TYPE/]NAME[.NAMESPACE]; without it, the proxy of --node, or any one.

      --node NODE                the proxy of this node
  -f, --file FILE                a dump (curl localhost:15000/config_dump) instead of a running proxy
  -o, --output short|json|yaml   the form (short)
      --address IP               workload: with this address
      --workload-namespace NS    workload, connections: in this namespace
      --workload-node NODE       workload: on this node
      --service-namespace NS     service: in this namespace
      --policy-namespace NS      policy: in this namespace
      --direction DIRECTION      connections: inbound or outbound alone
      --raw                      connections: addresses instead of names
      --with-headers             all: a title above each table
      --level LEVELS             log: set LEVEL for all, or NAME=LEVEL,... (trace, debug, info, warn, error, off)
  -r, --reset                    log: back to the levels that the proxy started with
      --proxy-admin-port PORT    where proxies answer (15000)
${clusterUsage}`;

const options = {
  ...clusterOptions,
  ...outputOptions,
  file: { type: 'string', short: 'f' },
  node: { type: 'string' },
  address: { type: 'string' },
  'workload-namespace': { type: 'string' },
  'workload-node': { type: 'string' },
  'service-namespace': { type: 'string' },
  'policy-namespace': { type: 'string' },
  direction: { type: 'string' },
  raw: { type: 'boolean', default: false },
  'with-headers': { type: 'boolean', default: false },
  level: { type: 'string' },
  reset: { type: 'boolean', short: 'r', default: false },
  'proxy-admin-port': { type: 'string', default: '15000' },
} as const;

type Flags = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options, allowPositionals: true });
}

/** istioctl's other names for the parts. */
const parts: ReadonlyMap<string, keyof typeof printed | 'log'> = new Map([
  ...(['workload', 'workloads', 'w'] as const).map((name) => [name, 'workload'] as const),
  ...(['service', 'services', 'svc', 's'] as const).map((name) => [name, 'service'] as const),
  ...(['policy', 'policies', 'pol', 'p'] as const).map((name) => [name, 'policy'] as const),
  ...(['certificate', 'certificates', 'certs', 'cert'] as const).map(
    (name) => [name, 'certificate'] as const,
  ),
  ...(['connections', 'cons'] as const).map((name) => [name, 'connections'] as const),
  ...(['log', 'o'] as const).map((name) => [name, 'log'] as const),
  ['all', 'all'] as const,
]);

export const ztunnelConfig: Command = {
  name: 'ztunnel-config',
  summary: 'show what a node proxy knows: workloads, services, policies, certificates, connections',
  usage,
  async run(args, context) {
    const { values, positionals } = parse(args);
    const [word = '', name] = positionals;
    const part = parts.get(word);
    if (part === undefined || positionals.length > 2) {
      throw new AmbitError('AMB1801', `ztunnel-config needs one of its parts\n${usage}`);
    }
    if (part === 'log') return await logLevels(values, name, context);
    const form = outputForm(values.output, ['short', 'json', 'yaml']);
    const show = printed[part](values);
    const dump = await dumpOf(values, name, context);
    const text = form === 'short' ? show.short(dump) : documentOf(show.whole(dump), form);
    context.stdout(text);
    return 0;
  },
};

interface Printed {
  readonly short: (dump: ZtunnelDump) => string;
  /** What json and yaml have. */
  readonly whole: (dump: ZtunnelDump) => unknown;
}

const printed = {
  workload: (flags: Flags): Printed => {
    const filter = {
      namespace: flags['workload-namespace'],
      node: flags['workload-node'],
      address: flags.address,
    };
    return {
      short: (dump) => lines(workloadRows(dump, filter)),
      whole: (dump) => chosen(dump.workloads, filter),
    };
  },
  service: (flags: Flags): Printed => {
    const filter = { namespace: flags['service-namespace'] };
    return {
      short: (dump) => lines(serviceRows(dump, filter)),
      whole: (dump) => chosen(dump.services, filter),
    };
  },
  policy: (flags: Flags): Printed => {
    const filter = { namespace: flags['policy-namespace'] };
    return {
      short: (dump) => lines(policyRows(dump, filter)),
      whole: (dump) => chosen(dump.policies, filter),
    };
  },
  certificate: (): Printed => ({
    short: (dump) => lines(certificateRows(dump, Date.now())),
    whole: (dump) => dump.certificates,
  }),
  connections: (flags: Flags): Printed => {
    const filter = {
      namespace: flags['workload-namespace'],
      direction: directionOf(flags.direction),
      raw: flags.raw,
    };
    return {
      short: (dump) => lines(connectionRows(dump, filter)),
      whole: (dump) => servedPods(dump, filter),
    };
  },
  all: (flags: Flags): Printed => {
    const sections = ['workload', 'service', 'policy', 'certificate', 'connections'] as const;
    return {
      short: (dump) =>
        sections
          .map((one) => {
            const title = flags['with-headers'] ? `${one.toUpperCase()}\n` : '';
            return `${title}${printed[one](flags).short(dump)}`;
          })
          .join('\n'),
      whole: (dump) => dump.whole,
    };
  },
};

function lines(rows: readonly (readonly string[])[]): string {
  return `${tableOf(rows).join('\n')}\n`;
}

function directionOf(text: string | undefined): Direction | undefined {
  if (text === undefined || text === 'inbound' || text === 'outbound') return text;
  throw new AmbitError('AMB1801', `--direction ${text} is not one of inbound, outbound`);
}

async function dumpOf(
  flags: Flags,
  name: string | undefined,
  context: CommandContext,
): Promise<ZtunnelDump> {
  if (flags.file !== undefined) return readDump(readFile(flags.file, context.cwd), flags.file);
  const { pods, ask } = await ztunnels(flags, name, context);
  const [pod] = pods;
  // The choice fails when there is none.
  const answer = pod === undefined ? undefined : await ask(pod, 'GET', '/config_dump');
  return readDump(answer && parseJson(answer, pod), `Pod ${pod?.metadata.name}`);
}

function readFile(file: string, folder: string): unknown {
  try {
    return JSON.parse(readFileSync(path.resolve(folder, file), 'utf8'));
  } catch (error) {
    throw new AmbitError('AMB1834', 'it is no readable JSON', { object: file, cause: error });
  }
}

function parseJson(text: string, pod: ClusterObject | undefined): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const object = `Pod ${pod?.metadata.name}`;
    throw new AmbitError('AMB1834', 'its answer is no JSON', { object, cause: error });
  }
}

/** The node proxies that are meant, and how to ask them. */
async function ztunnels(flags: Flags, name: string | undefined, context: CommandContext) {
  const port = Number(flags['proxy-admin-port']);
  const cluster = openCluster(flags, context.env);
  const { node, istioNamespace } = flags;
  const pods = chooseZtunnels(await cluster.list('/api/v1/pods?labelSelector=app%3Dztunnel'), {
    name,
    node,
    namespace: flags.namespace ?? istioNamespace,
  });
  const ask = async (pod: ClusterObject, method: 'GET' | 'POST', where: string) => {
    const asking = () => cluster.askPod(pod, port, { method, path: where });
    const { status, text } = await withProgress(`asking ${pod.metadata.name}`, context, asking);
    if (status === 200) return text;
    const object = `Pod ${pod.metadata.namespace}/${pod.metadata.name}`;
    throw new AmbitError('AMB1833', `${where} answered ${status}: ${text.slice(0, 300)}`, {
      object,
    });
  };
  return { pods, ask };
}

async function logLevels(
  flags: Flags,
  name: string | undefined,
  context: CommandContext,
): Promise<number> {
  const query = logLevelQuery(flags);
  const { pods, ask } = await ztunnels(flags, name, context);
  return await printLogLevels(pods, (pod) => ask(pod, 'POST', `/logging${query}`), context);
}
