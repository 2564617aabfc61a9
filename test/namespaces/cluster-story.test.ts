// The suite for clusters, run on an empty cluster of this machine, so that it cannot rot: every step of
// test/cluster/story.ts, by kubectl and the command line alone.

import path from 'node:path';
import { Programs } from '../cluster/programs.ts';
import { type Settings, story } from '../cluster/story.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';

const definitions = path.resolve(import.meta.dirname, '../../deploy/crds/gateway-api');
const settings: Settings = {
  applicationImage: 'none',
  // Local nodes have their chain of CNI plugins from the start.
  installWords: ' --set cni.env.CNI_INSTALL=false',
  seconds: 60,
};

const test = suite<{ mesh: LaptopMesh }>('the story of a cluster', {
  deadlineMs: 120_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'story', { args: ['--mesh-later', '--nodes', '2'] });
    // On a cluster these come from their own project.
    await mesh.kubectl('apply', '-f', definitions);
    return { mesh };
  },
});

for (const { title, run } of story(false)) {
  test(
    title,
    async ({ mesh, signal }) => await run(new Programs(mesh.kubeconfig, signal), settings),
  );
}

test.run();
