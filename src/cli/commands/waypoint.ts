// ambit waypoint: makes, shows and removes waypoints.

import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { AmbitError } from '../../runtime/errors.ts';
import {
  clusterOptions,
  clusterUsage,
  openCluster,
  outputForm,
  outputOptions,
} from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { durationMs } from '../duration.ts';
import { defaultMesh } from '../laptop.ts';
import { documentOf } from '../output.ts';
import { tableOf } from '../table.ts';
import {
  applyWaypoint,
  awaitProgrammed,
  deleteWaypoints,
  findWaypoints,
  type WaypointPlace,
} from '../waypoint/actions.ts';
import {
  type Gateway,
  listRows,
  revisionLabel,
  statusRows,
  waypointGateway,
} from '../waypoint/gateways.ts';

/** `--name` is the waypoint's here. */
const clusterFlags = clusterUsage
  .split('\n')
  .filter((line) => !line.includes('--name '))
  .join('\n');

const usage = `ambit waypoint generate|apply|delete|list|status

  generate       print the Gateway of a waypoint
  apply          make it: ✅ waypoint NS/NAME applied
    --enroll-namespace      label the namespace to use it
    --overwrite             also where the namespace uses another
    -w, --wait              wait until it is ready
  delete [NAME]...          --all deletes those of the namespace, of one --revision if given
  list           -A, --all-namespaces
  status [NAME]  -A, --all-namespaces; waits until they are programmed, unless --wait=false

  --for TYPE                service, workload, all or none: whose traffic it takes
  --name NAME               of the waypoint (waypoint)
  --revision REV            the revision of the controller that runs it
  --waypoint-timeout TIME   how long to wait (90s)
  -o, --output FORM         table, json or yaml
${clusterFlags}`;

const options = {
  ...clusterOptions,
  ...outputOptions,
  name: { type: 'string', default: 'waypoint' },
  for: { type: 'string' },
  revision: { type: 'string', short: 'r' },
  'enroll-namespace': { type: 'boolean', default: false },
  overwrite: { type: 'boolean', default: false },
  wait: { type: 'boolean', short: 'w' },
  'waypoint-timeout': { type: 'string', default: '90s' },
  all: { type: 'boolean', default: false },
  'all-namespaces': { type: 'boolean', short: 'A', default: false },
} as const;

type Values = ReturnType<typeof parse>['values'];

/** `--wait=false` is istioctl's way of saying no. */
function parse(args: readonly string[]) {
  const spoken = args.map((arg) =>
    arg.replace(/^--wait=false$/, '--no-wait').replace(/=true$/, ''),
  );
  return parseArgs({ args: spoken, allowPositionals: true, allowNegative: true, options });
}

export const waypoint: Command = {
  name: 'waypoint',
  summary: 'make, show and remove waypoints',
  usage,
  async run(args, context) {
    const { values, positionals } = parse(args);
    const [verb, ...names] = positionals;
    const run = verbs[verb ?? ''];
    if (run === undefined) {
      const known = Object.keys(verbs).join(', ');
      throw new AmbitError('AMB1801', `waypoint needs one of ${known}\n${usage}`);
    }
    return await run(values, names, context);
  },
};

type Verb = (values: Values, names: readonly string[], context: CommandContext) => Promise<number>;

const verbs: Readonly<Record<string, Verb>> = {
  generate: async (values, _names, { stdout }) => {
    const { namespace } = values;
    stdout(stringify(waypointGateway({ ...wishOf(values), ...(namespace && { namespace }) })));
    return 0;
  },
  apply: async (values, _names, context) => {
    const complete = await applyWaypoint(placeOf(values, context), {
      wish: wishOf(values),
      enrollNamespace: values['enroll-namespace'],
      overwrite: values.overwrite,
      wait: values.wait === true,
    });
    return complete ? 0 : 1;
  },
  delete: async (values, names, context) => {
    const place = placeOf(values, context);
    if (values.all === names.length > 0) {
      throw new AmbitError('AMB1801', 'waypoint delete needs names or --all, and not both');
    }
    const all = values.all ? await findWaypoints(place.cluster, place.namespace) : [];
    const chosen = all.filter(
      ({ metadata }) =>
        values.revision === undefined || metadata.labels?.[revisionLabel] === values.revision,
    );
    const complete = await deleteWaypoints(place, [
      ...names,
      ...chosen.map(({ metadata }) => metadata.name),
    ]);
    return complete ? 0 : 1;
  },
  list: async (values, _names, context) => await show(values, [], listRows, context),
  status: async (values, names, context) => {
    const place = placeOf(values, context);
    if (values.wait !== false) {
      const scope = values['all-namespaces'] ? undefined : place.namespace;
      const found = await findWaypoints(place.cluster, scope);
      for (const { metadata } of found) {
        if (names.length > 0 && !names.includes(metadata.name)) continue;
        const own = { ...place, namespace: metadata.namespace ?? '' };
        await awaitProgrammed(own, [metadata.name]).catch((error: unknown) => {
          // Told by the table, and by the exit code.
          context.stderr(`${(error as Error).message}\n`);
        });
      }
    }
    return await show(values, names, statusRows, context);
  },
};

async function show(
  values: Values,
  names: readonly string[],
  rows: (waypoints: readonly Gateway[], withNamespace: boolean) => readonly (readonly string[])[],
  context: CommandContext,
): Promise<number> {
  const form = outputForm(values.output, ['table', 'json', 'yaml']);
  const { cluster, namespace } = placeOf(values, context);
  const everywhere = values['all-namespaces'];
  const found = (await findWaypoints(cluster, everywhere ? undefined : namespace)).filter(
    ({ metadata }) => names.length === 0 || names.includes(metadata.name),
  );
  if (found.length === 0 && form === 'table') {
    context.stdout(everywhere ? 'No waypoints found.\n' : `No waypoints found in ${namespace}.\n`);
  } else {
    const lines = (): string => `${tableOf(rows(found, everywhere)).join('\n')}\n`;
    context.stdout(form === 'table' ? lines() : documentOf(found.map(withoutManagers), form));
  }
  const isSound =
    rows !== statusRows ||
    statusRows(found, false)
      .slice(1)
      .every(([, s]) => s === 'True');
  return isSound && (names.length === 0 || found.length > 0) ? 0 : 1;
}

/** Who wrote which field is of no use to a reader. */
function withoutManagers({ metadata, ...rest }: Gateway): object {
  const { managedFields: _, ...kept } = metadata as Gateway['metadata'] & {
    managedFields?: unknown;
  };
  return { ...rest, metadata: kept };
}

function wishOf(values: Values) {
  return {
    name: values.name,
    ...(values.for !== undefined && { for: values.for }),
    ...(values.revision !== undefined && { revision: values.revision }),
  };
}

function placeOf(values: Values, context: CommandContext): WaypointPlace {
  const cluster = openCluster({ ...values, name: defaultMesh }, context.env);
  const timeoutMs = durationMs('--waypoint-timeout', values['waypoint-timeout']);
  return { cluster, namespace: values.namespace ?? cluster.namespace, timeoutMs, context };
}
