// ambit version: which versions of the command, the control plane and the data plane there are.

import { parseArgs } from 'node:util';
import { AmbitError } from '../../runtime/errors.ts';
import { ownVersion } from '../../runtime/version.ts';
import { silences } from '../ask-all.ts';
import {
  type ClusterChoice,
  clusterOptions,
  clusterUsage,
  openCluster,
  outputForm,
  outputOptions,
} from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { connectedProxies, controllers } from '../control-plane.ts';
import { documentOf } from '../output.ts';
import { controllerVersions, type Versions, versionLines, versionsOf } from '../versions.ts';

const usage = `ambit version [flags]

  The versions of this command, of each replica of the controller, and of the proxies that are connected.

  -s, --short                    without the names of replicas and proxies; alone with --remote=false
      --remote=false             this command alone, without asking a cluster
  -o, --output text|json|yaml    the form (text)
${clusterUsage}`;

export const version: Command = {
  name: 'version',
  summary: 'show the versions of this command, the control plane and the data plane',
  usage,
  async run(args, context) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...clusterOptions,
        ...outputOptions,
        short: { type: 'boolean', short: 's', default: false },
        remote: { type: 'string', default: 'true' },
      },
    });
    const form = outputForm(values.output, ['text', 'json', 'yaml']);
    if (values.remote !== 'true' && values.remote !== 'false') {
      throw new AmbitError('AMB1801', `--remote=${values.remote} is not one of true, false`);
    }
    if (values.remote === 'false') {
      const own = { clientVersion: ownVersion() };
      context.stdout(form === 'text' ? `${own.clientVersion}\n` : documentOf(own, form));
      return 0;
    }
    const { versions, isWhole } = await remoteVersions(values, context);
    context.stdout(form === 'text' ? inWords(versions, values.short) : documentOf(versions, form));
    return isWhole ? 0 : 1;
  },
};

/** `isWhole` when everyone answered. Where there is no cluster, or nothing of the mesh in it, the command's
 * own version is still told. */
async function remoteVersions(choice: ClusterChoice, context: CommandContext) {
  try {
    const cluster = openCluster(choice, context.env);
    const pods = await controllers(cluster, choice.istioNamespace);
    const [replicas, proxies] = await Promise.all([
      controllerVersions(cluster, pods),
      connectedProxies(cluster, pods),
    ]);
    const silent = [...new Set([...silences(replicas), ...silences(proxies)])];
    for (const line of silent) context.stderr(`${line}\n`);
    const connected = proxies.flatMap((reply) => (reply.kind === 'answer' ? reply.answer : []));
    const versions = versionsOf(ownVersion(), replicas, connected);
    return { versions, isWhole: silent.length === 0 };
  } catch (error) {
    if (!(error instanceof AmbitError) || error.code === 'AMB1801') throw error;
    context.stderr(`${error.message}\n`);
    return { versions: versionsOf(ownVersion(), [], []), isWhole: false };
  }
}

function inWords(versions: Versions, short: boolean): string {
  const lines = versionLines(versions);
  if (short) return `${lines.join('\n')}\n`;
  const names = [...versions.controlPlane, ...versions.dataPlane].map(
    ({ name, version: own }) => `  ${own}   ${name}`,
  );
  return `${[...lines, ...names].join('\n')}\n`;
}
