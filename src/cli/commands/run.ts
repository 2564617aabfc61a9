// ambit run: makes a command of the user's a pod of a running mesh, with a service of its name.

import { parseArgs } from 'node:util';
import { AmbitError } from '../../runtime/errors.ts';
import { stateParent } from '../../standalone/state-folder.ts';
import {
  applyCommand,
  nameOfCommand,
  parseEnvironmentFlags,
} from '../../standalone/user-command.ts';
import type { Command } from '../command.ts';
import { defaultMesh, isRoot, podEnvironment, positiveInteger } from '../laptop.ts';

const usage = `ambit run [flags] -- COMMAND...

  Runs COMMAND in the current folder as a Deployment of a mesh of this machine, with a Service of its name.
  Running it again changes it; kubectl delete deployment,service NAME removes it.

  --name NAME         of Deployment and Service (default: from the command)
  --port PORT         that the command listens on (default: found out by looking)
  -n, --namespace NS  where (default: default)
  --env NAME=VALUE    a variable for the command; may be repeated
  --mesh NAME         the mesh (default ${defaultMesh})`;

export const run: Command = {
  name: 'run',
  summary: 'run a command as a pod with a service',
  usage,
  async run(args, context) {
    const end = args.indexOf('--');
    const words = end === -1 ? [] : args.slice(end + 1);
    if (words.length === 0) throw new AmbitError('AMB1801', 'no COMMAND is given after --');
    const { values } = parseArgs({
      args: args.slice(0, end),
      options: {
        name: { type: 'string' },
        port: { type: 'string' },
        namespace: { type: 'string', short: 'n', default: 'default' },
        env: { type: 'string', multiple: true, default: [] },
        mesh: { type: 'string', default: defaultMesh },
      },
    });
    const name = values.name ?? nameOfCommand(words);
    const { namespace } = values;
    const env = { ...podEnvironment(context.env), ...parseEnvironmentFlags(values.env) };
    const port =
      values.port === undefined ? {} : { port: positiveInteger('--port', values.port, 65_535) };
    const parent = stateParent(context.env, isRoot(), context.cwd);
    const command = { name, namespace, words, folder: context.cwd, env, ...port };
    await applyCommand(values.mesh, parent, command);
    context.stdout(`ambit: ${words.join(' ')} runs as Deployment ${namespace}/${name}\n`);
    context.stdout(`kubectl logs -n ${namespace} deployment/${name} -f\n`);
    return 0;
  },
};
