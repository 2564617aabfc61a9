// ambit down: ends a mesh, removes everything of it, and proves that.

import { parseArgs } from 'node:util';
import { systemClock } from '../../runtime/clock.ts';
import { countResidue, endMesh } from '../../standalone/end-mesh.ts';
import { stateParent } from '../../standalone/state-folder.ts';
import type { Command } from '../command.ts';
import { defaultMesh, isRoot } from '../laptop.ts';

const usage = `ambit down [--name NAME]

  Ends a mesh of this machine, running or crashed: its pods, nodes, rules and files, its state included.
  Prints what is left, which is nothing; ends with 1 if something is.

  --name NAME   the mesh's name (default ${defaultMesh})`;

const words = {
  running: 'was running and is ended',
  crashed: 'had crashed; its leftovers are removed',
  ended: 'was not running; its state is removed',
  nothing: 'is not there; nothing to remove',
} as const;

export const down: Command = {
  name: 'down',
  summary: 'end a mesh of this machine and leave nothing behind',
  usage,
  async run(args, context) {
    const { values } = parseArgs({
      args: [...args],
      options: { name: { type: 'string', default: defaultMesh } },
    });
    const { found, residue } = await endMesh({
      mesh: values.name,
      stateParent: stateParent(context.env, isRoot(), context.cwd),
      isRoot: isRoot(),
      clock: systemClock,
    });
    context.stdout(`ambit: mesh ${values.name} ${words[found]}\n`);
    const counts = Object.entries(residue).map(
      ([what, list]: [string, readonly unknown[]]) => `${list.length} ${what}`,
    );
    context.stdout(`ambit: left behind: ${counts.join(', ')}\n`);
    if (countResidue(residue) === 0) return 0;
    for (const [what, list] of Object.entries(residue) as [
      string,
      readonly (string | number)[],
    ][]) {
      for (const one of list)
        context.stderr(`AMB1105 left of mesh ${values.name}: ${what} ${one}\n`);
    }
    return 1;
  },
};
