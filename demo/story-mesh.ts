// The first half of the story: a mesh comes up, traffic is readable, a label, traffic is not.

import { PacketCapture } from '../src/linux/capture.ts';
import { NetworkNamespace } from '../src/linux/network-namespace.ts';
import { ambit, get, isReady, type PodView, until } from './mesh.ts';
import { newestTrace, reviewsFor, type Story } from './story.ts';

/** Texts that Bookinfo sends in the clear. */
const readableTexts = ['Reviewer1', 'GET /reviews/0', 'slapstick'];
const pageLoads = 25;

/** Starts the mesh with Bookinfo on two nodes. */
export async function startMesh(story: Story): Promise<void> {
  const publish = `${story.pagePort}:productpage:9080`;
  const command = `ambit up examples/bookinfo --nodes 2 --publish ${publish} --detach`;
  await story.report.step(
    'Two nodes and an application, no mesh traffic yet',
    command,
    async (check) => {
      const args = ['up', 'examples/bookinfo', '--nodes', '2', '--publish', publish, '--detach'];
      const start = performance.now();
      const ran = await ambit([...args, '--name', story.name], story.env);
      if (ran.code !== 0) throw new Error(`ambit up failed: ${ran.stderr || ran.stdout}`);
      check('ambit up is ready', `${seconds(start)} s`, true);
      const pods = await until('all pods of Bookinfo to be ready', async () => {
        const all = await story.api().pods();
        return all.length === 6 && all.every(isReady) ? all : undefined;
      });
      // Service addresses lead to pods a moment after these are ready.
      await until('the page', async () => {
        return (await get(story.pagePort, '/productpage')).status === 200 || undefined;
      });
      story.upSeconds = (performance.now() - start) / 1000;
      check('the application is ready', `${story.upSeconds.toFixed(2)} s`, true);
      const nodes = new Set(pods.map((pod) => pod.spec.nodeName));
      check('pods ready', `${pods.length} on ${nodes.size} nodes`, nodes.size === 2);
      for (const pod of pods) story.processes.set(pod.metadata?.name ?? '', processesOf(pod));
    },
  );
}

/** Traffic before the label is plain text on the link between the nodes. */
export async function beforeLabel(story: Story): Promise<void> {
  const command = 'curl -s http://productpage:9080/productpage';
  await story.report.step('Before: everything on the link is readable', command, async (check) => {
    const seen = await loadPages(story);
    check(`${pageLoads} pages answered 200`, `${seen.ok}`, seen.ok === pageLoads);
    check('bytes seen on the node link', String(seen.bytes), seen.bytes > 0);
    check('readable texts found in them', String(seen.readable), seen.readable > 0);
  });
}

/** The label: the same processes, and nothing is readable any more. */
export async function afterLabel(story: Story): Promise<void> {
  const label = 'istio.io/dataplane-mode';
  const command = `kubectl label namespace default ${label}=ambient`;
  await story.report.step('One label: mutual TLS, and nothing restarts', command, async (check) => {
    const start = performance.now();
    await story.api().label('Namespace', 'default', label, 'ambient');
    await until('all pods to be enrolled', async () => {
      const pods = await story.api().pods();
      return pods.every((pod) => redirection(pod) === 'enabled') ? true : undefined;
    });
    check('all pods enrolled', `${seconds(start)} s after the label`, true);
    await until('the first request by mutual TLS', async () => {
      await get(story.pagePort, '/productpage');
      const trace = await newestTrace(story, 'productpage', 'reviews');
      return trace?.some((hop) => hop.transport === 'tunnel') ? true : undefined;
    });
    check('first request by mutual TLS', `${seconds(start)} s after the label`, true);
    const sum = (story.upSeconds + (performance.now() - start) / 1000).toFixed(2);
    check('from ambit up to there, without the page loads between', `${sum} s`, true);
    await checkSameProcesses(story, check);
    await checkUnreadable(story, check);
    await checkIdentities(story, check);
  });
}

type CheckFunction = (what: string, seen: string, ok: boolean) => void;

async function checkUnreadable(story: Story, check: CheckFunction): Promise<void> {
  const seen = await loadPages(story);
  check(`${pageLoads} pages answered 200`, `${seen.ok}`, seen.ok === pageLoads);
  check('bytes seen on the node link', String(seen.bytes), seen.bytes > 0);
  check('readable texts found in them', String(seen.readable), seen.readable === 0);
}

async function checkIdentities(story: Story, check: CheckFunction): Promise<void> {
  const trace = await until('a decision between productpage and reviews', () =>
    newestTrace(story, 'productpage', 'reviews'),
  );
  const inbound = trace.find((hop) => hop.direction === 'inbound');
  const outbound = trace.find((hop) => hop.direction === 'outbound');
  const client = inbound?.source.identity ?? 'none';
  const server = outbound?.destination.identity ?? 'none';
  check('the client proved', client, client.endsWith('/ns/default/sa/bookinfo-productpage'));
  check('the server proved', server, server.endsWith('/ns/default/sa/bookinfo-reviews'));
}

/** Whether each pod still runs the processes that it ran before. */
export async function checkSameProcesses(story: Story, check: CheckFunction): Promise<void> {
  const pods = await story.api().pods();
  const ours = pods.filter((pod) => story.processes.has(pod.metadata?.name ?? ''));
  const same = ours.filter(
    (pod) => processesOf(pod) === story.processes.get(pod.metadata?.name ?? ''),
  );
  const seen = `${same.length} of ${story.processes.size} (${[...story.processes.values()].join(', ')})`;
  check('same process ids as before', seen, same.length === story.processes.size);
}

/** Loads pages while our own capture watches the link of node1. */
export async function loadPages(
  story: Story,
): Promise<{ ok: number; bytes: number; readable: number }> {
  using namespace = NetworkNamespace.open(`/run/netns/ambit-${story.name}-node1`);
  using capture = PacketCapture.open('eth0', namespace);
  capture.watchFor(readableTexts);
  let ok = 0;
  for (let load = 0; load < pageLoads; load++) {
    const got = await get(story.pagePort, '/productpage');
    if (got.status === 200 && (await reviewsFor(story)) !== undefined) ok++;
  }
  const { bytes, readable } = capture.totals;
  return { ok, bytes, readable: [...readable.values()].reduce((sum, count) => sum + count, 0) };
}

function processesOf(pod: PodView): string {
  return (pod.status?.containerStatuses ?? [])
    .map(({ containerID }) => containerID?.split('//').at(-1))
    .join('+');
}

/** What the node agent wrote of a pod's enrolment. */
export function redirection(pod: PodView): string | undefined {
  return pod.metadata?.annotations?.['ambient.istio.io/redirection'];
}

function seconds(start: number): string {
  return ((performance.now() - start) / 1000).toFixed(2);
}
