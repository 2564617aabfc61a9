// The story of test/cluster on a local cluster that has no mesh yet, so that it cannot go stale.

import path from 'node:path';
import { ambit } from '../../demo/mesh.ts';
import { declareStory, type Place } from '../cluster/cluster-story.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { apply } from './enrolled-pods.ts';

const definitions = path.resolve(import.meta.dirname, '../../deploy/crds/gateway-api');

const test = suite<{ place: Place }>('a mesh installed by ambit', {
  deadlineMs: 120_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'byambit', { args: ['--mesh-later', '--nodes', '2'] });
    await mesh.kubectl('apply', '-f', definitions);
    return { place: placeOf(mesh) };
  },
});

function placeOf(mesh: LaptopMesh): Place {
  return {
    kubectl: async (...args) => await mesh.kubectl(...args),
    apply: async (object) => await apply(mesh, object),
    // Without --name, which is a waypoint's in some commands: the kubeconfig says which cluster.
    ambit: async (...args) => await ambit(args, { ...mesh.env, KUBECONFIG: mesh.kubeconfig }),
    image: 'none',
    // Local nodes come with their chain of plugins, and one controller is enough for one machine.
    values: ['cni.env.CNI_INSTALL=false', 'pilot.replicaCount=1'],
  };
}

declareStory(test);

test.run();
