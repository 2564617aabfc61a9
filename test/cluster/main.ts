// Tells the story of the cluster that KUBECONFIG names: npm run test:cluster. It installs the mesh there, and
// removes it again.

import { ambit, type Ran } from '../../demo/mesh.ts';
import { runProgram } from '../support/laptop-mesh.ts';
import { declareStory, type Place, storyNamespace } from './cluster-story.ts';

const { env } = process;

if ((env['KUBECONFIG'] ?? '') === '') {
  console.log('skipped: KUBECONFIG names no cluster');
} else {
  // Only here: it fails what declares no tests.
  const { suite } = await import('../support/suite.ts');
  const test = suite<{ place: Place }>('the mesh on a cluster', {
    deadlineMs: 600_000,
    setup: async ({ stack }) => {
      stack.defer(async () => {
        await run('kubectl', ['delete', 'namespace', storyNamespace, '--ignore-not-found']);
      });
      return { place: await Promise.resolve(placeOf()) };
    },
  });
  declareStory(test);
  test.run();
}

function placeOf(): Place {
  const [hub, tag] = [env['AMBIT_HUB'], env['AMBIT_TAG']];
  const values = (env['AMBIT_VALUES'] ?? '').split(' ').filter((one) => one !== '');
  if (hub !== undefined) values.push(`global.hub=${hub}`);
  if (tag !== undefined) values.push(`global.tag=${tag}`);
  return {
    kubectl: async (...args) => printed(await run('kubectl', args), args),
    apply: async (object) => {
      printed(await run('kubectl', ['apply', '-f', '-'], JSON.stringify(object)), ['apply']);
    },
    ambit: async (...args) => await ambit(args, env),
    image: env['AMBIT_APP_IMAGE'] ?? `${hub ?? 'ambit'}/waypoint:${tag ?? '0.1.0'}`,
    values,
  };
}

function printed({ code, stdout, stderr }: Ran, args: readonly string[]): string {
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

async function run(program: string, args: readonly string[], input?: string): Promise<Ran> {
  return await runProgram(program, args, env, input);
}
