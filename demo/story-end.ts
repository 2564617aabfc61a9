// The end of the story: the controller goes and traffic stays, the label goes, nothing is left.

import { readdirSync } from 'node:fs';
import { ambit, get, until } from './mesh.ts';
import { reviewsFor, type Story } from './story.ts';
import { checkSameProcesses, loadPages, redirection } from './story-mesh.ts';

const requests = 20;

/** The controller is stopped; what the proxies know goes on. */
export async function withoutController(story: Story): Promise<void> {
  const command = 'kubectl scale deployment istiod -n istio-system --replicas=0';
  await story.report.step('The controller stops, traffic goes on', command, async (check) => {
    const scale = (replicas: number): Promise<void> =>
      story.api().merge({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'istiod', namespace: 'istio-system' },
        spec: { replicas },
      });
    const isController = (name: string | undefined): boolean =>
      name?.startsWith('istiod-') ?? false;
    await scale(0);
    await until('the controller to be gone', async () => {
      const pods = await story.api().pods('istio-system');
      return pods.some((pod) => isController(pod.metadata?.name)) ? undefined : true;
    });
    let served = 0;
    for (let index = 0; index < requests; index++) {
      if ((await reviewsFor(story)) !== undefined) served++;
    }
    check(`${requests} requests without a controller`, `${served} answered`, served === requests);
    const denied = await get(story.pagePort, '/api/v1/products/0/ratings');
    check('the policy still denies', String(denied.status), denied.status !== 200);
    await scale(1);
    await until('the controller to be ready again', async () => {
      const pods = await story.api().pods('istio-system');
      const ready = (pod: (typeof pods)[number]): boolean =>
        pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
        false;
      return pods.some((pod) => isController(pod.metadata?.name) && ready(pod)) ? true : undefined;
    });
    check('the controller is back', 'ready', true);
  });
}

/** Taking the label away reverses all of it, and again nothing restarts. */
export async function unlabel(story: Story): Promise<void> {
  const command = 'kubectl label namespace default istio.io/dataplane-mode-';
  await story.report.step('The label goes, the processes stay', command, async (check) => {
    await story.api().label('Service', 'reviews', 'istio.io/use-waypoint', null);
    await story.api().label('Namespace', 'default', 'istio.io/dataplane-mode', null);
    await until('all pods to leave the mesh', async () => {
      const pods = await story.api().pods();
      return pods.some((pod) => redirection(pod) !== undefined) ? undefined : true;
    });
    check('pods still enrolled', '0', true);
    await checkSameProcesses(story, check);
    const seen = await loadPages(story);
    check('readable texts on the link again', String(seen.readable), seen.readable > 0);
  });
}

/** Everything is taken down, and what is left is counted. */
export async function endMesh(story: Story): Promise<void> {
  const command = 'ambit down';
  await story.report.step('Down: what is left behind', command, async (check) => {
    const ran = await ambit(['down', '--name', story.name], story.env);
    for (const line of ran.stdout.trimEnd().split('\n')) story.report.say(`     ${line}`);
    check('ambit down says', ran.code === 0 ? 'nothing is left' : ran.stderr, ran.code === 0);
    const left = namespacesLeft(story.name);
    check('network namespaces left', String(left), left === 0);
  });
}

function namespacesLeft(mesh: string): number {
  try {
    return readdirSync('/run/netns').filter((file) => file.startsWith(`ambit-${mesh}-`)).length;
  } catch {
    return 0; // The folder itself is gone, and so is all that was in it.
  }
}
