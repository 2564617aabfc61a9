import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { podOfCgroups } from '../../src/cni/agent/cgroup-pod.ts';
import { suite } from '../support/suite.ts';

const test = suite('pod of a process');

const uid = '2c48913c-b29f-11e7-9350-020968147796';
const under = uid.replaceAll('-', '_');
const id = '9a'.repeat(32);
const staticUid = '0a1b2c3d4e5f60718293a4b5c6d7e8f9';

const lines: readonly (readonly [string, string, string | undefined])[] = [
  [
    'v2, systemd, containerd, burstable',
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${under}.slice/cri-containerd-${id}.scope`,
    uid,
  ],
  [
    'v2, systemd, containerd, guaranteed',
    `0::/kubepods.slice/kubepods-pod${under}.slice/cri-containerd-${id}.scope`,
    uid,
  ],
  [
    'v2, systemd, CRI-O, best effort',
    `0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${under}.slice/crio-${id}.scope/container`,
    uid,
  ],
  ['v2, cgroupfs', `0::/kubepods/burstable/pod${uid}/${id}`, uid],
  [
    'v2, of a node that is a container',
    `0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${under}.slice/cri-containerd-${id}.scope`,
    uid,
  ],
  [
    'v2, seen from another group',
    `0::/../../kubepods-besteffort.slice/kubepods-besteffort-pod${under}.slice/cri-containerd-${id}.scope`,
    uid,
  ],
  ['v1, cgroupfs', `11:memory:/kubepods/besteffort/pod${uid}/${id}`, uid],
  [
    'v1, systemd',
    `4:cpu,cpuacct:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${under}.slice/docker-${id}.scope`,
    uid,
  ],
  [
    'v1, containerd without a parent',
    `5:pids:/system.slice/containerd.service/kubepods-burstable-pod${under}.slice:cri-containerd:${id}`,
    uid,
  ],
  ['v1, several hierarchies', `12:freezer:/\n11:devices:/kubepods/pod${uid}/${id}\n0::/`, uid],
  ['a static pod', `0::/kubepods/burstable/pod${staticUid}/${id}`, staticUid],
  ['the root', '0::/', undefined],
  ['a service', '0::/system.slice/sshd.service', undefined],
  ['the kubelet', '0::/system.slice/kubelet.service', undefined],
  ['a container of docker', `0::/system.slice/docker-${id}.scope`, undefined],
  ['a podman pod', `0::/machine.slice/libpod-${id}.scope`, undefined],
  ['a uid that is too short', '0::/kubepods/pod2c48913c-b29f/x', undefined],
  ['no cgroup at all', `kubepods/pod${uid}`, undefined],
  ['nothing', '', undefined],
];

for (const [what, text, expected] of lines) {
  test(`reads ${what}`, () => {
    assert.is(podOfCgroups(`${text}\n`), expected);
  });
}

test('finds any uid in any of the forms, and reads any text', () => {
  const before = fc.array(fc.stringMatching(/^[a-z0-9.-]{1,12}\.slice$/), { maxLength: 3 });
  const form = fc.constantFrom(
    (own: string) => `kubepods-burstable-pod${own.replaceAll('-', '_')}.slice/cri-${id}.scope`,
    (own: string) => `kubepods/besteffort/pod${own}/${id}`,
  );
  fc.assert(
    fc.property(before, form, fc.uuid(), (groups, write, own) => {
      const line = `0::/${[...groups, write(own)].join('/')}`;
      assert.is(podOfCgroups(`12:cpu:/\n${line}\n`), own);
    }),
  );
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom('/', ':', '\n', '0::/', 'pod', uid, '.slice'),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      assert.match(podOfCgroups(pieces.join('')) ?? staticUid, /^[0-9a-f-]{32,36}$/);
    }),
  );
});

test.run();
