// Tells the story of the cluster that KUBECONFIG names: npm run test:cluster. It installs the mesh there, and
// removes it again, so it refuses a cluster that has one.

import { parseArgs } from 'node:util';
import { ambit, type Ran } from '../../demo/mesh.ts';
import { runProgram } from '../support/laptop-mesh.ts';
import { declareStory, type Place, storyNamespace } from './cluster-story.ts';

const { env } = process;
const { values } = parseArgs({
  options: {
    hub: { type: 'string' },
    tag: { type: 'string' },
    'application-image': { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
  },
});

if ((env['KUBECONFIG'] ?? '') === '') {
  console.log('skipped: KUBECONFIG names no cluster');
} else {
  // Only here: it fails what declares no tests.
  const { suite } = await import('../support/suite.ts');
  const test = suite<{ place: Place }>('the mesh on a cluster', {
    deadlineMs: 600_000,
    setup: async ({ stack }) => {
      const found = ['get', 'deployment', 'istiod', '-n', 'istio-system', '--ignore-not-found'];
      const istiod = printed(await run('kubectl', found), found);
      if (istiod !== '') throw new Error('refused: the cluster has a mesh');
      stack.defer(async () => {
        await run('kubectl', ['delete', 'namespace', storyNamespace, '--ignore-not-found']);
      });
      return { place: placeOf() };
    },
  });
  declareStory(test);
  test.run();
}

function placeOf(): Place {
  const { hub, tag, set } = values;
  const given = { 'global.hub': hub, 'global.tag': tag };
  const named = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  return {
    kubectl: async (...args) => printed(await run('kubectl', args), args),
    apply: async (object) => {
      printed(await run('kubectl', ['apply', '-f', '-'], JSON.stringify(object)), ['apply']);
    },
    ambit: async (...args) => await ambit(args, env),
    image: values['application-image'] ?? `${hub ?? 'ambit'}/waypoint:${tag ?? '0.1.0'}`,
    values: [...named, ...set],
  };
}

function printed({ code, stdout, stderr }: Ran, args: readonly string[]): string {
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

async function run(program: string, args: readonly string[], input?: string): Promise<Ran> {
  return await runProgram(program, args, env, input);
}
