// ambit analyze: what is wrong with the configuration of a cluster, of files, or of both together.

import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import type { KubernetesObject } from '../../controller/kinds/object.ts';
import { catalogue } from '../../mesh/catalogue.ts';
import { AmbitError } from '../../runtime/errors.ts';
import {
  analyzers,
  analyze as findMessages,
  readSuppression,
  type Suppression,
} from '../analyze/analyze.ts';
import { type Level, levels, type Message, reaches } from '../analyze/message.ts';
import { readCluster } from '../analyze/read-cluster.ts';
import { lineOf, type Places, valueOf } from '../analyze/report.ts';
import { defaultMesh, identityOf, makeWorld } from '../analyze/world.ts';
import {
  clusterOptions,
  clusterUsage,
  openCluster,
  outputForm,
  outputOptions,
} from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { readSources } from '../objects/find-files.ts';
import { type ReadObject, readDocuments } from '../objects/read-documents.ts';
import { documentOf, paint, withProgress } from '../output.ts';

/** As istioctl's, for scripts that look at it. */
const exitFound = 79;

const options = {
  ...clusterOptions,
  ...outputOptions,
  'all-namespaces': { type: 'boolean', short: 'A', default: false },
  'use-kube': { type: 'string', short: 'k', default: 'true' },
  'failure-threshold': { type: 'string', default: 'Error' },
  'output-threshold': { type: 'string', default: 'Info' },
  suppress: { type: 'string', short: 'S', multiple: true },
  'list-analyzers': { type: 'boolean', short: 'L', default: false },
} as const;

type Values = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], allowPositionals: true, options });
}

export const analyze: Command = {
  name: 'analyze',
  summary: 'find mistakes in the configuration of a cluster, of files, or of both',
  usage: `ambit analyze [FILE|FOLDER|- ...] [-n NAMESPACE | -A] [-o json|yaml]

Judges every object, looks where its references lead, and asks the translation of the controller what would
come of it. Files stand for objects of the cluster that they would replace. Lines have Istio's code where
Istio has one, and end with ours, which ambit explain tells more about.

  -A, --all-namespaces          all namespaces
  -k, --use-kube=false          only the files
  -o, --output FORM             json or yaml instead of lines
      --output-threshold LEVEL  show only ${levels.join(', ')} and worse (Info)
      --failure-threshold LEVEL fail on this and worse (Error)
  -S, --suppress CODE=ORIGIN    leave out, such as -S "IST0118=Service *.shop"; may be repeated
  -L, --list-analyzers          name the analyzers
${clusterUsage}

The exit code is 0, ${exitFound} when something is as bad as --failure-threshold, and 1 for other failures.`,
  async run(args, context) {
    const { values, positionals } = parse(args);
    if (values['list-analyzers']) {
      context.stdout(`${Object.keys(analyzers).join('\n')}\n`);
      return 0;
    }
    return await analyzeAll(values, positionals, context);
  },
};

async function analyzeAll(
  values: Values,
  files: readonly string[],
  context: CommandContext,
): Promise<number> {
  const threshold = levelNamed(values, 'output-threshold');
  const failure = levelNamed(values, 'failure-threshold');
  const form = outputForm(values.output, ['log', 'json', 'yaml']);
  const suppressions = (values.suppress ?? []).map(suppressionOf);
  const usesCluster = !/^(false|0|no)$/i.test(values['use-kube']);
  if (!usesCluster && files.length === 0) {
    throw new AmbitError(
      'AMB1801',
      'there is nothing to be analyzed: name files, or use the cluster',
    );
  }
  const { places, objects: ofFiles, namespace } = await gather(values, files, usesCluster, context);
  const everywhere = values['all-namespaces'];
  const world = makeWorld(ofFiles, defaultMesh(values.istioNamespace));
  const messages = findMessages(world, {
    suppressions,
    threshold,
    isWanted: (object) =>
      places.has(identityOf(object)) ||
      (usesCluster && (everywhere || (object.metadata.namespace ?? namespace) === namespace)),
  });
  const scope = usesCluster
    ? everywhere
      ? 'all namespaces'
      : `namespace: ${namespace}`
    : files.join(', ');
  print(messages, places, scope, form, context);
  if (!messages.some(({ level }) => reaches(level, failure))) return 0;
  context.stderr(
    `AMB1694 analysis found problems in ${scope}\nRemedy: ${catalogue.AMB1694.remedy}\n`,
  );
  return exitFound;
}

interface Gathered {
  readonly objects: readonly KubernetesObject[];
  readonly places: Places;
  readonly namespace: string;
}

async function gather(
  values: Values,
  files: readonly string[],
  usesCluster: boolean,
  context: CommandContext,
): Promise<Gathered> {
  const cluster = usesCluster ? openCluster(values, context.env) : undefined;
  const namespace = values.namespace ?? cluster?.namespace ?? 'default';
  const read = await readFiles(files, namespace, context);
  if (cluster === undefined) return { ...read, namespace };
  const live = await withProgress('reading the cluster', context, () =>
    readCluster(cluster, namespace),
  );
  if (live.unread.length > 0) context.stderr(`not analyzed: ${live.unread.join(', ')}\n`);
  return { places: read.places, objects: [...live.objects, ...read.objects], namespace };
}

async function readFiles(
  files: readonly string[],
  namespace: string,
  { cwd, stdin, stderr }: CommandContext,
): Promise<Omit<Gathered, 'namespace'>> {
  const places = new Map<string, ReadObject>();
  const sources = await readSources(files, cwd, stdin ?? (() => text(process.stdin)));
  for (const source of sources) {
    const { objects, problems } = readDocuments(source);
    for (const { file, line, text: why } of problems) stderr(`${file}:${line}: AMB1693 ${why}\n`);
    for (const read of objects) {
      const { kind, metadata } = read.object;
      const placed = clusterWide.has(kind)
        ? read.object
        : { ...read.object, metadata: { ...metadata, namespace: metadata.namespace ?? namespace } };
      places.set(identityOf(placed), { ...read, object: placed });
    }
  }
  return { places, objects: [...places.values()].map(({ object }) => object) };
}

/** Kinds without a namespace, as far as they are analyzed. */
const clusterWide = new Set([
  'Namespace',
  'Node',
  'GatewayClass',
  'CustomResourceDefinition',
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
]);

function print(
  messages: readonly Message[],
  places: Places,
  scope: string,
  form: 'log' | 'json' | 'yaml',
  context: CommandContext,
): void {
  if (form !== 'log') {
    context.stdout(
      documentOf(
        messages.map((one) => valueOf(one, places)),
        form,
      ),
    );
    return;
  }
  const colours = { Error: 'red', Warning: 'yellow', Info: 'dim' } as const;
  for (const one of messages) {
    context.stdout(
      `${lineOf(one, places, (word, level) => paint(word, colours[level], context))}\n`,
    );
  }
  if (messages.length > 0) return;
  const check = paint('✔', 'green', context);
  context.stdout(`${check} No validation issues found when analyzing ${scope}.\n`);
}

function levelNamed(values: Values, flag: 'output-threshold' | 'failure-threshold'): Level {
  const asked = values[flag].toLowerCase();
  const found = levels.find((level) => level.toLowerCase() === asked);
  if (found !== undefined) return found;
  throw new AmbitError('AMB1801', `--${flag} ${values[flag]} is not one of ${levels.join(', ')}`);
}

function suppressionOf(given: string): Suppression {
  const read = readSuppression(given);
  if (read !== undefined) return read;
  throw new AmbitError('AMB1801', `-S ${given} must be like "IST0118=Service *.shop"`);
}
