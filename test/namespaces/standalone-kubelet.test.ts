// Pods on a local node, with real namespaces and the real base plugin.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import type { ApiObject } from '../../src/standalone/api/store.ts';
import type { Pod } from '../../src/standalone/kubelet/pod-types.ts';
import { suite, type TestContext } from '../support/suite.ts';
import { isReady, podObject, type TestNodes, testNodes } from './kubelet-support.ts';

const test = suite<TestNodes>('kubelet', {
  deadlineMs: 30_000,
  setup: ({ stack }) => testNodes(stack, 'kubelet'),
});

const server =
  'require("http").createServer((q,s)=>s.end("ok")).listen(8080,()=>console.log("listening"))';

function stateOf(pod: Pod) {
  return pod.status?.containerStatuses?.[0];
}

function pidOf(pod: Pod): number {
  return Number(stateOf(pod)?.containerID?.split('//')[1]);
}

async function logOf(nodes: TestNodes, name: string, previous = false): Promise<string> {
  const kubelet = nodes.kubelets[0]!;
  const runner = kubelet.podNamed('default', name)!;
  let text = '';
  for await (const part of kubelet.logs(runner, { previous })) text += Buffer.from(part).toString();
  return text;
}

/** The log once it holds what is looked for. */
async function logWith(
  nodes: TestNodes & TestContext,
  name: string,
  text: string,
): Promise<string> {
  for (;;) {
    const log = await logOf(nodes, name);
    if (log.includes(text)) return log;
    if (nodes.signal.aborted) throw new Error(`waited for ${text} in the log:\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function gone(nodes: TestNodes, name: string, signal: AbortSignal): Promise<void> {
  await poll(() => nodes.pod(name) === undefined, `pod ${name} to be gone`, signal);
}

async function poll(holds: () => boolean, what: string, signal: AbortSignal): Promise<void> {
  while (!holds()) {
    if (signal.aborted) throw new Error(`waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function namespacesOf(nodes: TestNodes): string[] {
  return readdirSync(path.join(nodes.network.nodes[0]!.root, 'run/netns'));
}

/** Creates a pod that is gone after the test, however it ends: its object, and the namespace that goes after it. */
function create(nodes: TestNodes & TestContext, object: ApiObject): void {
  const { name } = object.metadata;
  nodes.store.create(object);
  nodes.stack.defer(async () => {
    if (nodes.pod(name) !== undefined) {
      nodes.store.delete('pods', 'default', name, { gracePeriodSeconds: 0 });
    }
    await poll(
      () =>
        nodes.pod(name) === undefined &&
        namespacesOf(nodes).length <= nodes.store.list('pods').length,
      `${name} to be gone`,
      AbortSignal.timeout(5_000),
    );
  });
}

function settings(name: string, data: Record<string, string>): ApiObject {
  const metadata = { name, namespace: 'default' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
}

test('a pod runs in its own namespace with its own view, and leaves nothing', async (nodes) => {
  const script = [
    'hostname; cat /etc/hosts /etc/resolv.conf',
    'cat /var/run/secrets/kubernetes.io/serviceaccount/namespace; echo',
    'ls /run; ls /sys/class/net >/dev/null; ip -br addr show eth0',
    'echo "$POD $KUBERNETES_SERVICE_HOST"',
    'exec sleep 1000',
  ].join('\n');
  const env = [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }];
  create(nodes, podObject('view', { command: ['sh', '-c', script], env }));
  const pod = await nodes.until('view', isReady, nodes.signal);
  const address = pod.status?.podIP ?? '';
  assert.match(address, /^10\.244\.1\./);
  assert.is(pod.status?.podIPs?.length, 2);
  await poll(() => existsSync(`/proc/${pidOf(pod)}`), 'the process', nodes.signal);
  const log = await logWith(nodes, 'view', `${address} 10.96.0.1`);
  assert.match(log, /^view\n/);
  assert.match(log, `${address}\tview`);
  assert.match(log, 'search default.svc.cluster.local');
  assert.match(log, '\ndefault\n');
  assert.match(log, `eth0@`);
  assert.not.match(log, /^netns$/m);
  assert.is(namespacesOf(nodes).length, 1);
  nodes.store.delete('pods', 'default', 'view');
  await gone(nodes, 'view', nodes.signal);
  assert.equal(namespacesOf(nodes), []);
  assert.not.ok(existsSync(`/proc/${pidOf(pod)}`));
  const reasons = nodes.events('view').map((event) => event.split(':')[0] ?? '');
  assert.equal(reasons.toSorted(), ['Created', 'Killing', 'Pulled', 'Scheduled', 'Started']);
});

test('a killed process comes back in the same sandbox, with the log of the run before', async (nodes) => {
  create(nodes, podObject('killed', { command: ['node', '-e', server] }));
  const before = await nodes.until('killed', isReady, nodes.signal);
  const sandbox = namespacesOf(nodes);
  await poll(() => existsSync(`/proc/${pidOf(before)}`), 'the process', nodes.signal);
  process.kill(pidOf(before), 'SIGKILL');
  const restarted = (pod: Pod): boolean => stateOf(pod)?.restartCount === 1 && isReady(pod);
  const after = await nodes.until('killed', restarted, nodes.signal);
  assert.is(after.status?.podIP, before.status?.podIP);
  assert.equal(namespacesOf(nodes), sandbox);
  assert.is(stateOf(after)?.lastState.terminated?.exitCode, 137);
  assert.is(typeof (await logOf(nodes, 'killed', true)), 'string');
});

test('a container that keeps failing is held back and says so', async (nodes) => {
  create(nodes, podObject('crash', { command: ['sh', '-c', 'echo failing; exit 3'] }));
  const waiting = (pod: Pod): boolean => stateOf(pod)?.state.waiting?.reason === 'CrashLoopBackOff';
  const pod = await nodes.until('crash', waiting, nodes.signal);
  assert.is(stateOf(pod)?.restartCount, 1);
  assert.is(stateOf(pod)?.lastState.terminated?.exitCode, 3);
  assert.is(pod.status?.phase, 'Running');
  assert.is(await logOf(nodes, 'crash'), 'failing\n');
  assert.ok(nodes.events('crash').some((event) => event.startsWith('BackOff')));
});

test('init containers run first, one after the other, and share volumes', async (nodes) => {
  const volumeMounts = [{ name: 'shared', mountPath: '/run/shared' }];
  const init = (name: string, script: string): object => ({
    name,
    image: 'test',
    command: ['sh', '-c', script],
    volumeMounts,
  });
  create(
    nodes,
    podObject(
      'init',
      { command: ['sh', '-c', 'cat /run/shared/file'], volumeMounts },
      {
        restartPolicy: 'Never',
        volumes: [{ name: 'shared', emptyDir: {} }],
        initContainers: [
          init('one', 'echo one > /run/shared/file'),
          init('two', 'echo two >> /run/shared/file'),
        ],
      },
    ),
  );
  const done = (pod: Pod): boolean => pod.status?.phase === 'Succeeded';
  await nodes.until('init', done, nodes.signal);
  assert.is(await logOf(nodes, 'init'), 'one\ntwo\n');
  await poll(() => namespacesOf(nodes).length === 0, 'the sandbox to be removed', nodes.signal);
});

test('a failed init container fails a pod that does not restart', async (nodes) => {
  const initContainers = [{ name: 'no', image: 'test', command: ['false'] }];
  const spec = { restartPolicy: 'Never', initContainers };
  create(nodes, podObject('noinit', { command: ['true'] }, spec));
  const failed = (pod: Pod): boolean => pod.status?.phase === 'Failed';
  await nodes.until('noinit', failed, nodes.signal);
});

test('a pod waits for its ConfigMap, and sees its changes', async (nodes) => {
  const script = 'while :; do cat /run/settings/color; sleep 0.05; done';
  create(
    nodes,
    podObject(
      'settings',
      { command: ['sh', '-c', script], volumeMounts: [{ name: 's', mountPath: '/run/settings' }] },
      { volumes: [{ name: 's', configMap: { name: 'colors' } }] },
    ),
  );
  const complains = (): boolean =>
    nodes.events('settings').some((event) => /FailedMount: AMB1114 .*ConfigMap colors/.test(event));
  await poll(complains, 'the event', nodes.signal);
  assert.is(stateOf(nodes.pod('settings')!)?.state.waiting?.reason, 'ContainerCreating');
  nodes.store.create(settings('colors', { color: 'red\n' }));
  await nodes.until('settings', isReady, nodes.signal);
  await logWith(nodes, 'settings', 'red');
  nodes.store.apply(settings('colors', { color: 'blue\n' }), 'test');
  const log = await logWith(nodes, 'settings', 'blue');
  assert.ok(/^(red\n)+(blue\n)+$/.test(log), log);
});

test('readiness follows the probe, which comes from the node', async (nodes) => {
  const script = `
    let ok = true;
    require('http').createServer((q, s) => {
      if (q.url === '/toggle') ok = !ok;
      console.log(q.socket.remoteAddress, q.headers['user-agent']);
      s.writeHead(ok ? 200 : 500).end();
    }).listen(8080)`;
  const readinessProbe = {
    httpGet: { path: '/', port: 'web' },
    periodSeconds: 1,
    failureThreshold: 1,
  };
  const ports = [{ name: 'web', containerPort: 8080 }];
  create(nodes, podObject('probed', { command: ['node', '-e', script], readinessProbe, ports }));
  await nodes.until('probed', isReady, nodes.signal);
  const kubelet = nodes.kubelets[0]!;
  const runner = kubelet.podNamed('default', 'probed')!;
  const socket = await kubelet.connect(runner, 8080, nodes.signal);
  nodes.stack.defer(() => void socket.destroy());
  socket.on('error', () => undefined).resume();
  socket.write('GET /toggle HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  await nodes.until('probed', (pod) => !isReady(pod), nodes.signal);
  const log = await logOf(nodes, 'probed');
  assert.match(log, /10\.244\.1\.1 kube-probe/);
  assert.match(nodes.events('probed').join('\n'), 'Readiness probe failed: HTTP probe failed');
});

test('a failing liveness probe restarts the container', async (nodes) => {
  const livenessProbe = {
    exec: { command: ['sh', '-c', 'test "$MARK" = yes && test -f /run/alive'] },
    periodSeconds: 1,
    failureThreshold: 2,
  };
  create(
    nodes,
    podObject('alive', {
      command: ['sh', '-c', 'touch /run/alive; sleep 1.5; rm /run/alive; exec sleep 1000'],
      env: [{ name: 'MARK', value: 'yes' }],
      livenessProbe,
    }),
  );
  await nodes.until('alive', (pod) => (stateOf(pod)?.restartCount ?? 0) > 0, nodes.signal);
  const events = nodes.events('alive').join('\n');
  assert.match(events, 'Container main failed liveness probe, will be restarted');
});

test('a pod of the host network has the addresses of its node', async (nodes) => {
  const spec = { hostNetwork: true };
  const readinessProbe = { tcpSocket: { port: 8081 } };
  const command = ['node', '-e', server.replace('8080', '8081')];
  create(nodes, podObject('host', { command, readinessProbe }, spec));
  const pod = await nodes.until('host', isReady, nodes.signal);
  assert.is(pod.status?.podIP, nodes.network.nodes[0]!.addresses.ipv4);
  assert.equal(namespacesOf(nodes), []);
});

test('a pod that mounts the node /run/netns sees namespaces that are made later', async (nodes) => {
  const spec = { volumes: [{ name: 'netns', hostPath: { path: '/var/run/netns' } }] };
  const volumeMounts = [{ name: 'netns', mountPath: '/var/run/netns' }];
  create(nodes, podObject('agent', { command: ['sleep', '1000'], volumeMounts }, spec));
  const agent = await nodes.until('agent', isReady, nodes.signal);
  create(nodes, podObject('late', { command: ['sleep', '1000'] }));
  await nodes.until('late', isReady, nodes.signal);
  const mounts = (): string[] =>
    readFileSync(`/proc/${pidOf(agent)}/mountinfo`, 'utf8')
      .split('\n')
      .flatMap((line) => /\s\/run\/netns\/(\w+)\s/.exec(line)?.[1] ?? []);
  assert.equal(mounts().toSorted(), namespacesOf(nodes).toSorted());
  nodes.store.delete('pods', 'default', 'late', { gracePeriodSeconds: 0 });
  await gone(nodes, 'late', nodes.signal);
  await poll(() => mounts().length === 1, 'the unmount to be seen', nodes.signal);
});

test('a process that ignores SIGTERM is killed after its grace, with all it started', async (nodes) => {
  const script = 'trap "" TERM; setsid sleep 1000 & sleep 1000 & echo ready; wait; wait';
  create(nodes, podObject('stubborn', { command: ['sh', '-c', script] }));
  const pod = await nodes.until('stubborn', isReady, nodes.signal);
  await logWith(nodes, 'stubborn', 'ready');
  nodes.store.delete('pods', 'default', 'stubborn', { gracePeriodSeconds: 1 });
  await gone(nodes, 'stubborn', nodes.signal);
  assert.not.ok(existsSync(`/proc/${pidOf(pod)}`));
  assert.equal(namespacesOf(nodes), []);
});

test('a pod that takes its time to end is told once, however often its object changes', async (nodes) => {
  const script =
    'trap "echo told" TERM; trap "echo asked" USR1; echo ready; while :; do sleep 0.02 & wait; done';
  create(nodes, podObject('slow', { command: ['sh', '-c', script] }));
  const pod = await nodes.until('slow', isReady, nodes.signal);
  // A pod without a probe is ready once its process runs, which is before the shell has set its traps.
  await logWith(nodes, 'slow', 'ready');
  nodes.store.delete('pods', 'default', 'slow', { gracePeriodSeconds: 3_000_000 });
  await logWith(nodes, 'slow', 'told');
  nodes.store.mergePatch('pods', 'default', 'slow', { metadata: { annotations: { seen: 'yes' } } });
  nodes.store.delete('pods', 'default', 'slow', { gracePeriodSeconds: 100 });
  // The shell runs traps by number: the second question comes after everything that was sent before.
  process.kill(pidOf(pod), 'SIGUSR1');
  await logWith(nodes, 'slow', 'asked');
  process.kill(pidOf(pod), 'SIGUSR1');
  const log = await logWith(nodes, 'slow', 'asked\nasked');
  assert.is(log.match(/told/g)?.length, 1);
  nodes.store.delete('pods', 'default', 'slow', { gracePeriodSeconds: 1 });
  await gone(nodes, 'slow', nodes.signal);
});

test('what cannot start says which field and what to do, and starts when it can', async (nodes) => {
  create(nodes, podObject('image', { image: 'unknown/thing:1' }));
  const mount = { volumeMounts: [{ name: 'd', mountPath: '/nowhere/at/all' }] };
  const volumes = [{ name: 'd', emptyDir: {} }];
  create(nodes, podObject('mount', { command: ['true'], ...mount }, { volumes }));
  create(nodes, podObject('program', { command: ['no-such-program'] }));
  const waiting = (reason: string, code: string) => (pod: Pod) => {
    const { waiting: seen } = stateOf(pod)?.state ?? {};
    return seen?.reason === reason && seen.message?.includes(code) === true;
  };
  await nodes.until('image', waiting('ErrImagePull', 'AMB1112'), nodes.signal);
  await nodes.until('mount', waiting('CreateContainerConfigError', 'AMB1113'), nodes.signal);
  await nodes.until('program', waiting('CreateContainerError', 'AMB1115'), nodes.signal);
  assert.match(nodes.events('mount').join('\n'), 'containers[main].volumeMounts[0].mountPath');
  nodes.images.set('unknown/thing', { command: ['sleep', '1000'] });
  nodes.store.create(settings('wakes-the-kubelet', {}));
  await nodes.until('image', isReady, nodes.signal);
});

test('a sandbox that the chain refuses is tried again in a new namespace', async (nodes) => {
  const { root } = nodes.network.nodes[0]!;
  const list = path.join(root, 'etc/cni/net.d/10-ambit.conflist');
  const good = readFileSync(list, 'utf8');
  const broken = JSON.parse(good) as { plugins: object[] };
  broken.plugins.push({ type: 'no-such-plugin' });
  writeFileSync(list, JSON.stringify(broken));
  nodes.stack.defer(() => writeFileSync(list, good));
  create(nodes, podObject('refused', { command: ['sleep', '1000'] }));
  const refused = (): boolean =>
    nodes.events('refused').some((event) => /FailedCreatePodSandBox: .*AMB1111/.test(event));
  await poll(refused, 'the refusal', nodes.signal);
  writeFileSync(list, good);
  await nodes.until('refused', isReady, nodes.signal);
  assert.is(namespacesOf(nodes).length, 1);
});

test('tokens are renewed before they expire', async (nodes) => {
  nodes.issued.lifetimeMs = 300;
  const before = nodes.issued.count;
  nodes.stack.defer(() => void (nodes.issued.lifetimeMs = 3_600_000));
  const folder = '/var/run/secrets/tokens';
  const token = { path: 'istio-token', audience: 'istio-ca', expirationSeconds: 600 };
  const volumes = [{ name: 't', projected: { sources: [{ serviceAccountToken: token }] } }];
  const script = `while :; do cat ${folder}/istio-token; echo; sleep 0.02; done`;
  create(
    nodes,
    podObject(
      'token',
      { command: ['sh', '-c', script], volumeMounts: [{ name: 't', mountPath: folder }] },
      { volumes, automountServiceAccountToken: false },
    ),
  );
  await nodes.until('token', isReady, nodes.signal);
  const log = await logWith(nodes, 'token', `token-${before + 4}-`);
  for (const line of log.split('\n')) assert.match(line, /^(token-\d+-of-default-for-istio-ca)?$/);
});

test('a volume of the machine is refused when it does not exist', async (nodes) => {
  const hostPath = { path: path.join(nodes.folder, 'not-there'), type: 'Directory' };
  const volumes = [{ name: 'h', hostPath }];
  create(nodes, podObject('hostpath', { command: ['sleep', '1000'] }, { volumes }));
  const complains = (): boolean =>
    nodes.events('hostpath').some((event) => /FailedMount: AMB1113/.test(event));
  await poll(complains, 'the event', nodes.signal);
  mkdirSync(hostPath.path);
  nodes.store.create(settings('wakes-the-kubelet-again', {}));
  await nodes.until('hostpath', isReady, nodes.signal);
});

test.run();
