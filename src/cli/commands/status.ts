// ambit status: what runs in a mesh of this machine.

import { parseArgs } from 'node:util';
import { type MeshStatus, meshStatus } from '../../standalone/mesh-status.ts';
import { stateParent } from '../../standalone/state-folder.ts';
import type { Command } from '../command.ts';
import { defaultMesh, isRoot } from '../laptop.ts';
import { tableOf } from '../table.ts';

const usage = `ambit status [--name NAME] [--json]

  Shows a mesh of this machine: its API server, nodes and pods. Ends with 0 when it runs and everything in
  it is ready, with 1 when something is not, with 3 when there is no such mesh.

  --name NAME   the mesh's name (default ${defaultMesh})
  --json        as one JSON document`;

export const status: Command = {
  name: 'status',
  summary: 'show the nodes and pods of a mesh of this machine',
  usage,
  async run(args, context) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        name: { type: 'string', default: defaultMesh },
        json: { type: 'boolean', default: false },
      },
    });
    const parent = stateParent(context.env, isRoot(), context.cwd);
    const seen = await meshStatus(values.name, parent);
    context.stdout(values.json ? `${JSON.stringify(seen, null, 2)}\n` : inWords(seen));
    if (seen.state === 'absent' || seen.state === 'crashed') return 3;
    // A pod that is being ended may take its time: a replaced ztunnel still has connections.
    const finished = (phase: string): boolean => phase === 'Succeeded' || phase === 'Terminating';
    const ready = seen.pods.every((pod) => pod.ready || finished(pod.phase));
    return seen.state === 'running' && ready ? 0 : 1;
  },
};

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
