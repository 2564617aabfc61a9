import * as assert from 'uvu/assert';
import { decideExit } from '../../src/cni/install/exit-decision.ts';
import { launcherProgram } from '../../src/cni/install/launcher.ts';
import {
  folderMismatch,
  type NodeMarks,
  networkProvider,
  recognizePlatform,
} from '../../src/mesh/platform.ts';
import { suite } from '../support/suite.ts';

const test = suite('platform of a node');

const usual = ['/opt/cni/bin', '/etc/cni/net.d'];
const k3sConfigurations = '/var/lib/rancher/k3s/agent/etc/cni/net.d';

for (const [name, marks, folders] of [
  ['GKE', { labels: { 'cloud.google.com/gke-nodepool': 'a' } }, ['/home/kubernetes/bin', usual[1]]],
  ['EKS', { labels: { 'eks.amazonaws.com/nodegroup': 'a' } }, usual],
  ['EKS', { kubeletVersion: 'v1.33.1-eks-1234567' }, usual],
  [
    'OpenShift',
    { labels: { 'node.openshift.io/os_id': 'rhel' } },
    ['/var/lib/cni/bin', '/etc/cni/multus/net.d'],
  ],
  [
    'k3s',
    { kubeletVersion: 'v1.33.1+k3s1', osImage: 'Ubuntu 24.04' },
    ['/var/lib/rancher/k3s/data/cni', k3sConfigurations],
  ],
  [
    'k3d',
    { kubeletVersion: 'v1.33.1+k3s1', osImage: 'K3s v1.33.1+k3s1' },
    ['/bin', k3sConfigurations],
  ],
  [
    'MicroK8s',
    { labels: { 'microk8s.io/cluster': 'true' } },
    ['/var/snap/microk8s/current/opt/cni/bin', '/var/snap/microk8s/current/args/cni-network'],
  ],
  ['minikube', { labels: { 'minikube.k8s.io/name': 'minikube' } }, usual],
  ['generic', {}, usual],
] as const) {
  test(`${name} is recognized by ${JSON.stringify(marks)}`, () => {
    const node: NodeMarks = { labels: {}, kubeletVersion: 'v1.33.1', osImage: 'Debian', ...marks };
    const platform = recognizePlatform(node);
    assert.is(platform.name, name);
    assert.equal([platform.plugins, platform.configurations], folders);
  });
}

test('folders that are not those of the platform are named, with where they are set', () => {
  const labels = { 'cloud.google.com/gke-nodepool': 'pool-1' };
  const gke = recognizePlatform({ labels, kubeletVersion: '', osImage: '' });
  const given = { plugins: '/opt/cni/bin', configurations: '/etc/cni/net.d' };
  assert.is(
    folderMismatch(given, gke),
    'the node is one of GKE (label cloud.google.com/gke-nodepool=pool-1), but plugins are installed in /opt/cni/bin (CNI_BIN_DIR), where it has /home/kubernetes/bin',
  );
  assert.is(folderMismatch(gke, gke), undefined);
  const unknown = recognizePlatform({ labels: {}, kubeletVersion: '', osImage: '' });
  assert.is(folderMismatch({ plugins: '/elsewhere', configurations: '/too' }, unknown), undefined);
});

test('the network plugin is known by its chain, and with it what keeps it from rewriting', () => {
  assert.match(networkProvider(['cilium-cni', 'ambit-cni']).advice ?? '', /cni\.exclusive=false/);
  assert.is(networkProvider(['portmap', 'calico', 'bandwidth']).name, 'Calico');
  assert.equal(networkProvider(['own-net']), { name: 'own-net', advice: undefined });
});

const labels = { 'kubernetes.io/os': 'linux', pool: 'a' };
const found = {
  kind: 'found',
  deleting: false,
  nodeSelector: { 'kubernetes.io/os': 'linux' },
} as const;

for (const [title, set, disabled, leave, reason] of [
  ['the DaemonSet is there', found, false, 'installed', /another agent comes/],
  ['it is being deleted', { ...found, deleting: true }, false, 'clean', /being deleted/],
  ['it wants other nodes', { ...found, nodeSelector: { pool: 'b' } }, false, 'clean', /pool=b/],
  ['it is gone', { kind: 'gone', words: 'status 404' }, false, 'clean', /status 404/],
  [
    'nobody answers',
    { kind: 'unknown', words: 'ECONNREFUSED' },
    false,
    'installed',
    /ECONNREFUSED/,
  ],
  ['safe upgrades are off', found, true, 'unplugged', /AMBIENT_DISABLE_SAFE_UPGRADE/],
  [
    'it is gone, upgrades or not',
    { kind: 'gone', words: 'status 401' },
    true,
    'clean',
    /status 401/,
  ],
] as const) {
  test(`when the agent ends and ${title}, the node is left ${leave}`, () => {
    const decision = decideExit(set, labels, disabled);
    assert.is(decision.leave, leave);
    assert.match(decision.reason, reason);
  });
}

test('the launcher is a complete program for either processor', () => {
  const launch = { path: '/p', words: ['a', 'b'], complaint: '{}' };
  for (const [processor, machine] of [
    ['x64', 62],
    ['arm64', 183],
  ] as const) {
    const bytes = Buffer.from(launcherProgram(processor, launch));
    assert.is(bytes.subarray(0, 4).toString('latin1'), '\x7fELF');
    assert.is(bytes.readUInt16LE(18), machine);
    // The one segment holds the whole file, and the entry is within it.
    assert.is(bytes.readBigUInt64LE(96), BigInt(bytes.length));
    const entry = Number(bytes.readBigUInt64LE(24) - bytes.readBigUInt64LE(80));
    assert.ok(entry > 0 && entry < bytes.length);
  }
});

test.run();
