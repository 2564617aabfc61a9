// ambit status: what runs in a mesh of this machine, or of a cluster.

import { parseArgs } from 'node:util';
import { type MeshStatus, meshStatus } from '../../standalone/mesh-status.ts';
import { stateParent } from '../../standalone/state-folder.ts';
import { clusterOptions, outputForm, outputOptions } from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { defaultMesh, isRoot } from '../laptop.ts';
import { documentOf } from '../output.ts';
import { tableOf } from '../table.ts';
import { clusterStatus, hasDefaultKubeconfig, meantBy } from './cluster-status.ts';

const usage = `ambit status [flags]

  Shows a mesh of this machine: its API server, nodes and pods. Ends with 0 when it runs and everything in
  it is ready, with 1 when something is not, with 3 when there is no such mesh.

      --name NAME                the mesh's name (${defaultMesh}, or that whose kubeconfig KUBECONFIG is)
      --json                     as one JSON document

  On a cluster (with one of the next two flags, or when KUBECONFIG or ~/.kube/config leads to one): the versions, the
  controller and who leads it, the node agents and node proxies, the waypoints, the pods in the mesh by namespace,
  and what of the configuration is in force. What is not ready says why and what to do, and the command ends with 1.

  -c, --kubeconfig FILE          the kubeconfig to use
      --context NAME             its context (the current one)
  -i, --istioNamespace NS        the namespace that the mesh itself runs in (istio-system)
  -o, --output text|json|yaml    the form (text)`;

export const status: Command = {
  name: 'status',
  summary: 'show what runs in a mesh of this machine or of a cluster, and what is wrong',
  usage,
  async run(args, context) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...clusterOptions,
        ...outputOptions,
        name: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const form = outputForm(values.json ? 'json' : values.output, ['text', 'json', 'yaml']);
    const choice = { ...values, name: values.name ?? defaultMesh };
    const meant = meantBy(values, context.env);
    if (meant.kind === 'cluster') return await clusterStatus(choice, form, context);
    const parent = meant.parent ?? stateParent(context.env, isRoot(), context.cwd);
    const seen = await meshStatus(meant.mesh ?? choice.name, parent);
    const isNamed = values.name !== undefined;
    if (seen.state === 'absent' && !isNamed && hasDefaultKubeconfig(context.env)) {
      return await clusterStatus(choice, form, context);
    }
    return laptopStatus(seen, form, context);
  },
};

function laptopStatus(
  seen: MeshStatus,
  form: 'text' | 'json' | 'yaml',
  context: CommandContext,
): number {
  context.stdout(form === 'text' ? inWords(seen) : documentOf(seen, form));
  if (seen.state === 'absent' || seen.state === 'crashed') return 3;
  // A pod that is being ended may take its time: a replaced ztunnel still has connections.
  const finished = (phase: string): boolean => phase === 'Succeeded' || phase === 'Terminating';
  const ready = seen.pods.every((pod) => pod.ready || finished(pod.phase));
  return seen.state === 'running' && ready ? 0 : 1;
}

function inWords(seen: MeshStatus): string {
  if (seen.state === 'absent') return `ambit: there is no mesh ${seen.mesh}; ambit up starts one\n`;
  if (seen.state === 'crashed') {
    return `ambit: mesh ${seen.mesh} has crashed; ambit up starts it again, ambit down removes it\n`;
  }
  const user = seen.userNamespace ? ', in a user namespace' : '';
  const head = [
    `mesh ${seen.mesh} ${seen.state} since ${seen.startedAt} (process ${seen.pid}${user})`,
    `API server ${seen.server}`,
    `export KUBECONFIG=${seen.kubeconfig}`,
  ];
  const nodes = seen.nodes.map(
    ({ name, ready }) => `node ${name} ${ready ? 'ready' : 'not ready'}`,
  );
  const pods = tableOf([
    ['NAMESPACE', 'POD', 'NODE', 'STATE', 'RESTARTS', 'ADDRESS'],
    ...seen.pods.map((pod) => [
      pod.namespace,
      pod.name,
      pod.node,
      pod.ready ? 'ready' : pod.phase,
      String(pod.restarts),
      pod.address,
    ]),
  ]);
  const reasons = seen.pods.flatMap(({ namespace, name, reason }) =>
    reason === undefined ? [] : [`${namespace}/${name}: ${reason}`],
  );
  return `${[...head, ...nodes, '', ...pods, ...reasons].join('\n')}\n`;
}
