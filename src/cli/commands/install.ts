// ambit install and ambit upgrade: the mesh on a cluster, from the manifests in deploy/.

import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { AmbitError } from '../../runtime/errors.ts';
import { checkCluster } from '../check/check-cluster.ts';
import { otherInstaller } from '../check/check-others.ts';
import { linesOf } from '../check/print-rows.ts';
import { isAtLeast } from '../check/row.ts';
import { clusterOptions, clusterUsage, openCluster } from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { durationMs } from '../duration.ts';
import { confirmed } from '../install/confirm.ts';
import { deployFolder } from '../install/deploy-folder.ts';
import { installedObjects, installedVersion } from '../install/installed.ts';
import { type KubernetesObject, managerLabel } from '../install/object.ts';
import { ObjectApi } from '../install/object-api.ts';
import { planInstall, versionStep } from '../install/plan-install.ts';
import { readDeploy } from '../install/read-deploy.ts';
import { runPlan } from '../install/run-plan.ts';
import {
  readValues,
  type Values,
  valueNames,
  withPlatform,
  withValues,
} from '../install/values.ts';

const options = {
  ...clusterOptions,
  set: { type: 'string', multiple: true, default: [] as string[] },
  'dry-run': { type: 'boolean', default: false },
  'skip-confirmation': { type: 'boolean', short: 'y', default: false },
  'readiness-timeout': { type: 'string', default: '5m' },
  force: { type: 'boolean', default: false },
} as const;

const flags = `  --set NAME=VALUE           a value of ours; may be repeated. Known are
${columns(valueNames)}
  --dry-run                  print the manifests and change nothing
  -y, --skip-confirmation    do not ask
  --readiness-timeout TIME   how long each part may take to become ready (5m)
  --force                    go on where the check finds errors, or another tool has installed
${clusterUsage}`;

export const install: Command = {
  name: 'install',
  summary: 'install the mesh on a cluster',
  usage: `ambit install [--set NAME=VALUE ...]   install the mesh on a cluster

Checks the cluster first, as ambit check --pre does. Pods are not restarted, and none joins the mesh before its
namespace is labelled. Applying again changes only what differs.

${flags}`,
  run: async (args, context) => await applyMesh('install', args, context),
};

export const upgrade: Command = {
  name: 'upgrade',
  summary: "bring the installed mesh to this command line's version",
  usage: `ambit upgrade [--set NAME=VALUE ...]   bring the mesh to the version of this command line

Definitions first, then the controller, then the nodes. The node proxies are replaced one by one, each going on
with its connections; no pod of yours is restarted. Values that are not given again are those of the manifests.
Objects that this version no longer has are removed.

${flags}`,
  run: async (args, context) => await applyMesh('upgrade', args, context),
};

async function applyMesh(
  verb: 'install' | 'upgrade',
  args: readonly string[],
  context: CommandContext,
): Promise<number> {
  const { values } = parseArgs({ args: [...args], options });
  const timeoutMs = durationMs('--readiness-timeout', values['readiness-timeout']);
  const wanted = readValues(values.set);
  const deploy = readDeploy(deployFolder);
  const version = wanted.get('global.tag') ?? deploy.version;
  const objectsWith = (given: Values): KubernetesObject[] =>
    deploy.objects.map((one) => withValues(one, given, deploy.images, deploy.version));
  if (values['dry-run']) {
    context.stdout(
      objectsWith(wanted)
        .map((one) => `---\n${stringify(one)}`)
        .join(''),
    );
    return 0;
  }
  const cluster = openCluster(values, context.env);
  const api = new ObjectApi(cluster);
  const found = await checkCluster(cluster, api, deploy.objects, values.istioNamespace);
  const bad = found.rows.filter((row) => isAtLeast(row, 'warning'));
  context.stderr(bad.length === 0 ? '' : `${linesOf(bad, context).join('\n')}\n`);
  if (bad.some(({ level }) => level === 'error') && !values.force) return 1;
  const from = installedVersion(found.installations);
  refuse(verb, from, version, otherInstaller(found.installations), values.force);
  const installed = await installedObjects(api, `${managerLabel.key}=${managerLabel.value}`);
  const objects = objectsWith(withPlatform(wanted, found.platforms));
  const plan = planInstall(objects, version, { hasGatewayApi: found.hasGatewayApi, installed });
  const step =
    from === undefined ? `version ${version}` : `version ${version}, where ${from} is installed,`;
  const question = `This will ${verb} Ambit ${step} on the cluster. Proceed?`;
  if (!(await confirmed(question, values['skip-confirmation'], context))) return 1;
  await runPlan(api, plan, timeoutMs, context);
  context.stdout(`Ambit ${version} is installed.${from === undefined ? next : ''}\n`);
  return 0;
}

const next =
  '\nBring a namespace into the mesh: kubectl label namespace NAME istio.io/dataplane-mode=ambient';

function refuse(
  verb: 'install' | 'upgrade',
  from: string | undefined,
  to: string,
  other: string | undefined,
  force: boolean,
): void {
  if (other !== undefined && !force) {
    const problem = `the mesh was installed by ${other}: change it by the same tool, or take it over with --force`;
    throw new AmbitError('AMB1844', problem);
  }
  if (verb === 'upgrade' && from === undefined && other === undefined) {
    throw new AmbitError('AMB1851', 'there is nothing to upgrade: ambit install installs');
  }
  const step = versionStep(from, to);
  if (step !== undefined && !force) throw new AmbitError('AMB1854', step);
}

function columns(names: readonly string[]): string {
  return names.map((name) => `                               ${name}`).join('\n');
}
