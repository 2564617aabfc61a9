// ambit enroll: says what enrolling a namespace would break, enrols it, and shows its pods joining.

import { parseArgs } from 'node:util';
import { AmbitError } from '../../runtime/errors.ts';
import { awaitCondition, type Look } from '../await-condition.ts';
import type { Cluster } from '../cluster.ts';
import {
  clusterOptions,
  clusterUsage,
  openCluster,
  outputForm,
  outputOptions,
} from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { durationMs } from '../duration.ts';
import { checkEnrolment } from '../enrolment/check.ts';
import type { EnrolmentFacts, PodObject } from '../enrolment/facts.ts';
import { type Finding, findingLines, withRemedy } from '../enrolment/finding.ts';
import { type Joining, joiningOf, joiningTable, stillComing } from '../enrolment/joining.ts';
import { readFacts } from '../enrolment/read-facts.ts';
import { documentOf, paint, withProgress } from '../output.ts';
import { dataplaneModeLabel } from '../waypoint/gateways.ts';

const usage = `ambit enroll NAMESPACE [flags]

  Labels a namespace istio.io/dataplane-mode=ambient and waits until its running pods have joined the mesh.
  Nothing is restarted. Before, it says what that would break: NetworkPolicies that hold back port 15008,
  other meshes, ports and probes, clients that will be refused, nodes that are not ready. When traffic would
  break it stops there. Ends with 1 when a pod has not joined.

  --check                    only say what it would break; 1 when there is more than notes
  -y, --yes                  enrol in spite of that
  --timeout TIME             how long to wait for the pods (60s)
  -o, --output FORM          table, json or yaml
${clusterUsage}`;

interface Choice {
  readonly check: boolean;
  readonly yes: boolean;
  readonly timeoutMs: number;
  readonly form: 'table' | 'json' | 'yaml';
}

export const enroll: Command = {
  name: 'enroll',
  summary: 'bring the pods of a namespace into the mesh, or say what that would break',
  usage,
  async run(args, context) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...clusterOptions,
        ...outputOptions,
        check: { type: 'boolean', default: false },
        yes: { type: 'boolean', short: 'y', default: false },
        timeout: { type: 'string', default: '60s' },
      },
    });
    const [namespace = values.namespace, ...more] = positionals;
    if (namespace === undefined || more.length > 0) {
      throw new AmbitError('AMB1801', `enroll needs one NAMESPACE\n${usage}`);
    }
    const choice: Choice = {
      check: values.check,
      yes: values.yes,
      timeoutMs: durationMs('--timeout', values.timeout),
      form: outputForm(values.output, ['table', 'json', 'yaml']),
    };
    const cluster = openCluster(values, context.env);
    const facts = await withProgress(`looking at namespace ${namespace}`, context, () =>
      readFacts(cluster, namespace, values.istioNamespace),
    );
    const findings = checkEnrolment(facts);
    if (choice.check) return report(findings, namespace, choice, context);
    return await enrol(cluster, facts, findings, choice, context);
  },
};

function report(
  findings: readonly Finding[],
  namespace: string,
  { form }: Choice,
  context: CommandContext,
): number {
  const bad = findings.filter(({ severity }) => severity !== 'note');
  if (form !== 'table') {
    context.stdout(documentOf({ namespace, findings: findings.map(withRemedy) }, form));
  } else {
    tell(findings, context.stdout, context);
    const breaks = bad.filter(({ severity }) => severity === 'breaks').length;
    context.stdout(
      bad.length === 0
        ? `Nothing was found that enrolling namespace ${namespace} would break.\n`
        : `Enrolling namespace ${namespace}: ${breaks} will break, ${bad.length - breaks} may.\n`,
    );
  }
  return bad.length === 0 ? 0 : 1;
}

const colours = { breaks: 'red', risk: 'yellow', note: 'dim' } as const;

function tell(
  findings: readonly Finding[],
  print: (text: string) => void,
  context: CommandContext,
): void {
  for (const finding of findings) {
    const [first = '', ...rest] = findingLines(finding);
    print(`${[paint(first, colours[finding.severity], context), ...rest].join('\n')}\n`);
  }
}

async function enrol(
  cluster: Cluster,
  facts: EnrolmentFacts,
  findings: readonly Finding[],
  { yes, form, timeoutMs }: Choice,
  context: CommandContext,
): Promise<number> {
  const { namespace } = facts;
  const told = findings.filter(({ severity }) => severity !== 'note');
  tell(told, context.stderr, context);
  const breaks = told.filter(({ severity }) => severity === 'breaks').length;
  if (breaks > 0 && !yes) {
    throw new AmbitError('AMB1872', `${breaks} findings say that traffic would break`, {
      object: `Namespace ${namespace}`,
    });
  }
  const change = { metadata: { labels: { [dataplaneModeLabel]: 'ambient' } } };
  await cluster.patch(`/api/v1/namespaces/${namespace}`, change);
  if (form === 'table') {
    context.stdout(`namespace ${namespace} labeled with "${dataplaneModeLabel}: ambient"\n`);
  }
  const seen = await awaitCondition(
    `the pods of namespace ${namespace}`,
    () => look(cluster, facts),
    timeoutMs,
    context,
  );
  const pods = joiningOf(await withPods(cluster, facts));
  if (form === 'table') context.stdout(`${joiningTable(pods).join('\n')}\n`);
  else context.stdout(documentOf({ namespace, findings: told.map(withRemedy), pods }, form));
  if (seen.kind === 'done') return 0;
  throw new AmbitError('AMB1869', `${seen.for} after ${timeoutMs / 1000} s`, {
    object: `Namespace ${namespace}`,
  });
}

async function look(cluster: Cluster, facts: EnrolmentFacts): Promise<Look<readonly Joining[]>> {
  const pods = joiningOf(await withPods(cluster, facts));
  const coming = stillComing(pods);
  if (coming.length === 0) return { kind: 'done', value: pods };
  const [first] = coming;
  const waiting = `${coming.length} of ${pods.length} pods have not joined, such as ${first?.pod}`;
  return { kind: 'waiting', for: waiting };
}

/** The same facts with the pods as they are now. */
async function withPods(cluster: Cluster, facts: EnrolmentFacts): Promise<EnrolmentFacts> {
  const list = await cluster.get(`/api/v1/namespaces/${facts.namespace}/pods`);
  return { ...facts, pods: (list as { readonly items?: readonly PodObject[] }).items ?? [] };
}
