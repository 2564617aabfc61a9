// What a reviewer looks for in the manifests: nothing is forgotten, nothing is allowed that is not needed.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { parts } from '../../tools/images/parts.ts';
import { suite } from '../support/suite.ts';
import { kustomization, nameOf, plainManifests, version } from './plain-manifests.ts';

const test = suite('manifests');
const deploy = path.resolve(import.meta.dirname, '../../deploy');

test('all belong to the one kustomization', () => {
  const files = ['controller', 'daemonset', 'crds/istio'].flatMap((folder) =>
    readdirSync(path.join(deploy, folder))
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => `${folder}/${name}`),
  );
  assert.equal([...kustomization().resources].toSorted(), files.toSorted());
});

test('name the images that are built, in one place', () => {
  const { images, configMapGenerator } = kustomization();
  const named = [
    ...images.map(({ name, newTag }) => `${name}:${newTag}`),
    ...configMapGenerator.flatMap(({ literals }) => literals.map((one) => one.split('=')[1]!)),
  ];
  assert.equal(named.toSorted(), parts.map(({ name }) => `ambit/${name}:${version}`).toSorted());
});

const pods = plainManifests().flatMap((object) => {
  const pod = object.spec?.template?.spec;
  return pod === undefined ? [] : [{ of: nameOf(object), pod }];
});

/** All that containers may do beyond an ordinary process. */
const capabilities: Readonly<Record<string, readonly string[]>> = {
  controller: [],
  ztunnel: ['NET_ADMIN', 'SYS_ADMIN', 'NET_RAW'],
  'node-agent': ['NET_ADMIN', 'SYS_ADMIN', 'NET_RAW', 'SYS_PTRACE', 'DAC_OVERRIDE'],
};

test('give each process the least', () => {
  assert.is(pods.length, 3);
  for (const { of, pod } of pods) {
    assert.is(pod.securityContext?.seccompProfile?.type, 'RuntimeDefault', of);
    for (const { name, securityContext, resources, readinessProbe } of pod.containers) {
      const added = securityContext?.capabilities?.add ?? [];
      assert.equal(added, capabilities[name], name);
      assert.equal(securityContext?.capabilities?.drop, ['ALL'], name);
      assert.is(securityContext?.readOnlyRootFilesystem, true, name);
      // Kubernetes allows no `false` beside SYS_ADMIN.
      if (!added.includes('SYS_ADMIN')) {
        assert.is(securityContext?.allowPrivilegeEscalation, false, name);
        assert.is(pod.securityContext?.runAsNonRoot, true, of);
      }
      assert.ok(resources?.requests && resources.limits && readinessProbe, name);
    }
  }
});

test('say of each permission and capability what it is for', () => {
  const files = ['controller/permissions.yaml', 'daemonset/permissions.yaml'];
  for (const file of files) {
    const lines = readFileSync(path.join(deploy, file), 'utf8').split('\n');
    let explained = false;
    for (const [index, line] of lines.entries()) {
      if (/^\s*#/.test(line)) explained = true;
      // Rules that follow each other may share a reason; a new list of rules needs one.
      else if (/^(?:rules:|---)/.test(line)) explained = line === '---' ? false : explained;
      else if (/^ {2}- apiGroups/.test(line)) assert.ok(explained, `${file}:${index + 1}`);
    }
  }
  for (const file of ['daemonset/ztunnel.yaml', 'daemonset/agent.yaml']) {
    const text = readFileSync(path.join(deploy, file), 'utf8');
    for (const [, before, name] of text.matchAll(/\n([^\n]*)\n +- ([A-Z]+_[A-Z]+)\n/g)) {
      assert.match(before!, /^\s+# /, `${file}: ${name}`);
    }
  }
});

test('give no role everything of anything', () => {
  const meshGroups = ['networking.istio.io', 'security.istio.io', 'gateway.networking.k8s.io'];
  for (const object of plainManifests()) {
    for (const { apiGroups, resources, verbs } of object.rules ?? []) {
      assert.ok(!verbs.includes('*') && !apiGroups.includes('*'), nameOf(object));
      if (!resources.some((name) => name.startsWith('*'))) continue;
      assert.ok(
        apiGroups.every((group) => group.endsWith('.istio.io') || meshGroups.includes(group)),
      );
    }
    for (const { resources, verbs } of object.kind === 'ClusterRole' ? (object.rules ?? []) : []) {
      // The key of the authority is read in one namespace alone.
      if (resources.includes('secrets')) assert.equal(verbs, ['list', 'watch']);
    }
  }
});

test.run();
