// Mounts, commands, launch scripts and pod files as planned.

import { spawnSync } from 'node:child_process';
import * as assert from 'uvu/assert';
import {
  builtInImages,
  containerCommand,
  imageName,
} from '../../../src/standalone/kubelet/image-table.ts';
import { launchScript, quote } from '../../../src/standalone/kubelet/launch-script.ts';
import {
  canonicalPath,
  hostPathOnNode,
  type MountFacts,
  planMounts,
} from '../../../src/standalone/kubelet/mount-plan.ts';
import { hostnameOf, hostsFile, resolvConf } from '../../../src/standalone/kubelet/pod-files.ts';
import type { VolumeMount } from '../../../src/standalone/kubelet/pod-types.ts';
import { suite } from '../../support/suite.ts';
import { main, pod } from './pod-builder.ts';

const test = suite('plan of a container');

const facts: MountFacts = {
  sources: new Map([
    ['data', '/node/data'],
    ['ambit-api-access', '/node/access'],
  ]),
  kindOf: (file) => {
    if (file === '/etc/hosts') return 'file';
    return ['/etc', '/data', '/node/data'].includes(file) ? 'folder' : 'nothing';
  },
};

function mountsOf(mounts: readonly VolumeMount[]): ReturnType<typeof planMounts> {
  const owner = pod({ volumeMounts: mounts }, { automountServiceAccountToken: false });
  return planMounts(owner, main(owner), facts);
}

test('treats /var/run as /run and mounts outer folders first', () => {
  const plan = mountsOf([
    { name: 'data', mountPath: '/var/run/a/b/', subPath: 'x' },
    { name: 'data', mountPath: '/run/a', readOnly: true },
    { name: 'data', mountPath: '/data' },
  ]);
  assert.equal(
    plan.kind === 'ok' &&
      plan.mounts.map(({ source, target, readOnly }) => [source, target, readOnly]),
    [
      ['/node/data', '/data', false],
      ['/node/data', '/run/a', true],
      ['/node/data/x', '/run/a/b', false],
    ],
  );
});

test('refuses a mount point outside /run that does not exist, with the field and the remedy', () => {
  const plan = mountsOf([{ name: 'data', mountPath: '/srv/web' }]);
  assert.is(plan.kind, 'refused');
  if (plan.kind !== 'refused') return;
  assert.is(plan.field, 'containers[main].volumeMounts[0].mountPath');
  assert.match(plan.problem, 'mkdir -p /srv/web');
});

test('refuses a subPath that leaves the volume', () => {
  const plan = mountsOf([{ name: 'data', mountPath: '/data', subPath: '../other' }]);
  assert.is(plan.kind === 'refused' && plan.problem, 'leads out of the volume');
});

test('gives every pod its ServiceAccount token unless it declines or brings its own', () => {
  const targets = (mounts: readonly VolumeMount[], automount?: boolean): readonly string[] => {
    const spec = automount === undefined ? {} : { automountServiceAccountToken: automount };
    const owner = pod({ volumeMounts: mounts }, spec);
    const plan = planMounts(owner, main(owner), facts);
    return plan.kind === 'ok' ? plan.mounts.map(({ source }) => source) : [plan.problem];
  };
  const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
  assert.equal(targets([]), ['/node/access']);
  assert.equal(targets([], false), []);
  assert.equal(targets([{ name: 'data', mountPath: folder }]), ['/node/data']);
});

test('gives every node its own /run, /etc/cni, /opt/cni and /var/lib', () => {
  const of = (file: string): string => hostPathOnNode('/n1', file);
  assert.is(of('/var/run/netns'), '/n1/run/netns');
  assert.is(of('/opt/cni/bin/'), '/n1/opt/cni/bin');
  assert.is(of('/var/library'), '/var/library');
  assert.is(of('/proc'), '/proc');
  assert.is(canonicalPath('/var/run/../run/x/'), '/run/x');
});

test('finds the program of an image whatever its registry default, tag or digest', () => {
  assert.is(imageName('docker.io/library/web:1.2'), 'web');
  assert.is(imageName('host:5000/ambit/web@sha256:00'), 'host:5000/ambit/web');
  const images = builtInImages('/repo');
  const command = containerCommand(
    { image: 'ambit/node-agent:v1', args: ['--x'] },
    images,
    '/bin/n',
  );
  assert.equal(command.kind === 'ok' && command.words, [
    '/bin/n',
    '/repo/src/cni/agent/main.ts',
    '--x',
  ]);
  const unknown = containerCommand({ image: 'redis:7' }, images, '/bin/n');
  assert.equal(unknown, { kind: 'unknown-image', image: 'redis:7' });
  const own = containerCommand({ image: 'redis', command: ['node', 'a.js'] }, images, '/bin/n');
  assert.equal(own.kind === 'ok' && own.words, ['/bin/n', 'a.js']);
});

test('writes a launch script that a shell accepts and that keeps every word as it is', () => {
  const script = launchScript({
    mounts: [
      { source: "/a b'c", target: '/run/x/f', readOnly: true, isFile: true },
      { source: '/d', target: '/data', readOnly: false, isFile: false },
    ],
    resolvConf: '/n/resolv.conf',
    hosts: '/n/hosts',
    hostname: 'web-1',
    workingDir: '/srv/$HOME',
    user: 1000,
  });
  const checked = spawnSync('sh', ['-n', '-c', script], { encoding: 'utf8' });
  assert.is(checked.stderr, '');
  assert.match(script, "mount --rbind '/a b'\\''c' '/run/x/f'");
  assert.match(script, "cd '/srv/$HOME'");
  assert.match(script, '--reuid 1000 --regid 1000 --clear-groups -- "$@"');
  const echoed = spawnSync('sh', ['-c', `printf %s ${quote("it's $HOME")}`], { encoding: 'utf8' });
  assert.is(echoed.stdout, "it's $HOME");
});

test('names the pod in its hosts file', () => {
  const owner = pod(
    {},
    { hostname: 'a', subdomain: 'b', hostAliases: [{ ip: '1.2.3.4', hostnames: ['x', 'y'] }] },
  );
  assert.is(hostnameOf(pod()), 'web-1');
  const text = hostsFile(owner, ['10.244.1.2', 'fd00::2'], 'cluster.local');
  assert.match(text, '10.244.1.2\ta.b.shop.svc.cluster.local\ta\n');
  assert.match(text, 'fd00::2\ta.b.shop.svc.cluster.local\ta\n');
  assert.match(text, '1.2.3.4\tx\ty\n');
});

test('searches the cluster for short names, unless the policy says otherwise', () => {
  const dns = { clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local' };
  const search = 'search shop.svc.cluster.local svc.cluster.local cluster.local';
  assert.is(resolvConf(pod(), dns), `nameserver 10.96.0.10\n${search}\noptions ndots:5\n`);
  assert.is(resolvConf(pod({}, { hostNetwork: true }), dns), 'nameserver 10.96.0.10\n');
  const withHost = pod({}, { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' });
  assert.match(resolvConf(withHost, dns), search);
  const own = pod(
    {},
    { dnsPolicy: 'None', dnsConfig: { nameservers: ['9.9.9.9'], searches: ['x'] } },
  );
  assert.is(resolvConf(own, dns), 'nameserver 9.9.9.9\nsearch x\n');
});

test.run();
