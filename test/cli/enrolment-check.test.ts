// What of pods and namespaces the check of an enrolment finds.

import * as assert from 'uvu/assert';
import { checkEnrolment } from '../../src/cli/enrolment/check.ts';
import type { EnrolmentFacts, PodObject } from '../../src/cli/enrolment/facts.ts';
import { findingLines } from '../../src/cli/enrolment/finding.ts';
import { joiningOf, stillComing } from '../../src/cli/enrolment/joining.ts';
import { membershipAfter } from '../../src/cli/enrolment/membership.ts';
import { podFacts } from '../../src/cni/agent/pod-facts.ts';
import { shouldEnrol } from '../../src/cni/agent/should-enrol.ts';
import { suite } from '../support/suite.ts';
import { factsWith, meshPods, pod, waypointPod } from './enrolment-facts.ts';

const test = suite('enrolment check');

/** Without the note on open connections, which is always there. */
const check = (changes: Partial<EnrolmentFacts> = {}) =>
  checkEnrolment(factsWith(changes))
    .filter(({ code, severity }) => code !== 'AMB1864' || severity !== 'note')
    .map(({ code, severity, object, message }) => `${severity} ${code} ${object}: ${message}`);
const labelled = (labels: Readonly<Record<string, string>>) => ({
  namespaces: new Map(factsWith().namespaces).set('shop', labels),
});
const spec = (more: object) => ({
  spec: { nodeName: 'n1', containers: [{ name: 'main' }], ...more },
});

test('an ordinary namespace has nothing to fear but that connections end', () => {
  assert.equal(check(), []);
  const [only, ...more] = checkEnrolment(factsWith());
  assert.equal([only?.code, only?.severity, more.length], ['AMB1864', 'note', 0]);
});

test('connections that node proxies know of are a risk, and those that do not tell are named', () => {
  const [found] = check({ connections: { known: 3, silent: ['ztunnel-x'] } });
  assert.match(found ?? '', /risk AMB1864 Namespace shop: .* know of 3 .*ztunnel-x did not tell/);
  const annotations = { 'ambient.istio.io/redirection': 'enabled' };
  const joined = factsWith({ pods: [pod('shop/web', { annotations })] });
  assert.equal(checkEnrolment(joined), [], 'nothing ends for who is in the mesh');
});

const podCases: Readonly<Record<string, readonly [PodObject, RegExp | undefined]>> = {
  'a pod of the host network': [
    pod('shop/a', spec({ hostNetwork: true })),
    /^note AMB1862 Pod shop\/a: it uses the network of its node/,
  ],
  'a pod that has opted out': [
    pod('shop/a', { labels: { 'istio.io/dataplane-mode': 'none' } }),
    /^note AMB1862 Pod shop\/a: its label/,
  ],
  'a pod with a sidecar': [
    pod('shop/a', { annotations: { 'sidecar.istio.io/status': '{}' } }),
    /^risk AMB1862 Pod shop\/a: it has an Istio sidecar/,
  ],
  'a pod of Linkerd': [
    pod('shop/a', spec({ initContainers: [{ name: 'linkerd-init' }] })),
    /^breaks AMB1865 Pod shop\/a: its container linkerd-init is that of Linkerd/,
  ],
  'a port of the proxy': [
    pod('shop/a', spec({ containers: [{ name: 'm', ports: [{ containerPort: 15_006 }] }] })),
    /^breaks AMB1866 Pod shop\/a: it uses port 15006/,
  ],
  'a probe of such a port': [
    pod('shop/a', spec({ containers: [{ name: 'm', livenessProbe: { grpc: { port: 15_008 } } }] })),
    /^breaks AMB1866 .* 15008/,
  ],
  'a probe of another address': [
    pod(
      'shop/a',
      spec({ containers: [{ name: 'm', readinessProbe: { tcpSocket: { host: 'db', port: 1 } } }] }),
    ),
    /^risk AMB1863 Pod shop\/a: readinessProbe of container m asks db port 1/,
  ],
  'a probe of its own address': [
    pod(
      'shop/a',
      spec({
        containers: [{ name: 'm', livenessProbe: { httpGet: { host: '10.0.0.1', port: 80 } } }],
      }),
    ),
    undefined,
  ],
  'a command as a probe': [
    pod('shop/a', spec({ containers: [{ name: 'm', livenessProbe: { exec: {} } }] })),
    undefined,
  ],
  'a pod that has ended': [
    pod('shop/a', { phase: 'Succeeded', ...spec({ hostNetwork: false }) }),
    undefined,
  ],
  'a waypoint': [waypointPod('shop/waypoint'), undefined],
  'a pod of another namespace': [pod('plain/a', spec({ hostNetwork: true })), undefined],
};
for (const [what, [one, expected]] of Object.entries(podCases)) {
  test(`${expected === undefined ? 'passes' : 'tells of'} ${what}`, () => {
    const found = check({ pods: [one] });
    if (expected === undefined) assert.equal(found, []);
    else assert.match(found.join('\n'), expected);
  });
}

test('an excluded namespace and labels of injection are told of once', () => {
  assert.match(check({ excluded: new Set(['shop']) }).join(), /breaks AMB1862 Namespace shop/);
  assert.match(
    check(labelled({ 'istio-injection': 'enabled' })).join(),
    /risk AMB1865 .*istio-injection=enabled/,
  );
  assert.equal(check(labelled({ 'istio-injection': 'disabled' })), []);
});

test('nodes where a part is not ready are named, if they have pods to enrol', () => {
  const elsewhere = pod('shop/b', { spec: { nodeName: 'n2', containers: [] } });
  const found = check({ pods: [pod('shop/a'), elsewhere] }).join('\n');
  assert.match(found, /breaks AMB1868 .*no node agent is ready on node n2/);
  assert.match(found, /no ztunnel is ready on node n2/);
  assert.not.match(found, 'n1');
  const facts = factsWith();
  const without = (name: string) => ({
    ...facts,
    pods: facts.pods.filter(({ metadata }) => metadata.name !== name),
  });
  const [first] = checkEnrolment(without('istiod'));
  assert.match(first?.message ?? '', 'no controller is ready in istio-system');
  const unready = meshPods.map((one) => ({ ...one, status: { ...one.status, conditions: [] } }));
  assert.is(
    checkEnrolment({ ...facts, pods: [...unready, pod('shop/a')] }).filter(
      ({ code }) => code === 'AMB1868',
    ).length,
    3,
  );
});

const authentication = (place: string, mode: string, selector = {}) => ({
  metadata: { name: 'default', namespace: place },
  spec: { mtls: { mode }, selector: { matchLabels: selector } },
});

test('a waypoint that the namespace uses must be ready', () => {
  const uses = labelled({
    'istio.io/use-waypoint': 'w',
    'istio.io/use-waypoint-namespace': 'front',
  });
  const found = (...pods: readonly PodObject[]) => check({ ...uses, pods }).join();
  assert.match(found(), /breaks AMB1868 .*waypoint front\/w, which it uses, has no pod/);
  assert.match(found(waypointPod('shop/w'), waypointPod('front/other')), 'AMB1868');
  assert.is(found(waypointPod('front/w')), '');
});

test('STRICT refuses clients outside; the namespace has the last word, selectors none here', () => {
  const strict = (...list: readonly ReturnType<typeof authentication>[]) =>
    check({ peerAuthentications: list });
  assert.match(
    strict(authentication('istio-system', 'STRICT')).join(),
    /risk AMB1870 .*\(3 pods of this cluster.*PeerAuthentication istio-system\/default is STRICT/,
  );
  assert.is(strict(authentication('shop', 'STRICT')).length, 1);
  assert.is(
    strict(authentication('shop', 'UNSET'), authentication('istio-system', 'STRICT')).length,
    1,
  );
  assert.equal(
    strict(authentication('shop', 'PERMISSIVE'), authentication('istio-system', 'STRICT')),
    [],
  );
  assert.equal(strict(authentication('front', 'STRICT')), []);
  assert.equal(strict(authentication('shop', 'STRICT', { app: 'web' })), []);
});

test('servers that speak first matter behind a waypoint, on ports that declare no protocol', () => {
  const service = (...ports: readonly object[]) => [
    { metadata: { name: 's', namespace: 'shop' }, spec: { ports } } as never,
  ];
  const behind = {
    ...labelled({ 'istio.io/use-waypoint': 'w' }),
    pods: [pod('shop/web'), waypointPod('shop/w')],
  };
  const count = (port: object, more: object = behind) =>
    check({ services: service(port), ...more }).length;
  assert.is(count({ port: 587 }), 1);
  assert.is(count({ port: 8080, targetPort: 22 }), 1);
  assert.is(count({ port: 587 }, {}), 0, 'no waypoint');
  assert.is(count({ port: 587 }, labelled({ 'istio.io/use-waypoint': 'none' })), 0);
  for (const declared of [
    { appProtocol: 'tcp' },
    { name: 'tcp-mail' },
    { name: 'tls' },
    { protocol: 'UDP' },
  ]) {
    assert.is(count({ port: 587, ...declared }), 0, JSON.stringify(declared));
  }
  assert.is(count({ port: 3306 }), 0, 'taken for TCP by its number');
});

test('Pod Security levels are a note', () => {
  const level = 'pod-security.kubernetes.io/enforce';
  assert.match(
    check(labelled({ [level]: 'restricted' })).join(),
    /^note AMB1871 .* level restricted/,
  );
  assert.equal(check(labelled({ [level]: 'privileged' })), []);
});

test('the worst comes first, and each finding has its remedy', () => {
  const pods = [
    pod('shop/h', spec({ hostNetwork: true })),
    pod('shop/x', spec({ initContainers: [{ name: 'kuma-init' }] })),
  ];
  const findings = checkEnrolment(factsWith({ pods, connections: { known: 1, silent: [] } }));
  assert.equal(
    findings.map(({ severity }) => severity),
    ['breaks', 'risk', 'note'],
  );
  for (const finding of findings) assert.match(findingLines(finding)[1] ?? '', /^ +Remedy: \S/);
});

test('who is in the mesh is decided as the node agents decide it', () => {
  const modes = [undefined, 'ambient', 'none', 'other'];
  const spaces: readonly (readonly [string, string | undefined])[] = [
    ['shop', 'ambient'],
    ['front', 'ambient'],
    ['plain', undefined],
    ['kube-system', 'ambient'],
  ];
  let compared = 0;
  for (const [namespace, spaceMode] of spaces) {
    for (const mode of modes) {
      for (const hostNetwork of [true, false]) {
        for (const phase of ['Running', 'Pending', 'Succeeded', 'Failed']) {
          for (const annotations of [{}, { 'sidecar.istio.io/status': '{}' }]) {
            const labels = mode === undefined ? {} : { 'istio.io/dataplane-mode': mode };
            const one = pod(`${namespace}/a`, {
              labels,
              annotations,
              phase,
              ...spec({ hostNetwork }),
            });
            const facts = podFacts({ ...one, metadata: { ...one.metadata, uid: 'u' } } as never);
            if (facts === undefined) throw new Error('no facts');
            const ofSpace = new Map(
              spaceMode === undefined ? [] : [['istio.io/dataplane-mode', spaceMode]],
            );
            const theirs = shouldEnrol(facts, ofSpace, new Set(['kube-system'])).enrol;
            const ours = membershipAfter(one, factsWith()).kind === 'member';
            assert.is(ours, theirs, JSON.stringify(one));
            compared++;
          }
        }
      }
    }
  }
  assert.is(compared, 256);
});

test('pods are joined, pending, waiting or outside; those without a node are not waited for', () => {
  const noted = (name: string, value: string) =>
    pod(`shop/${name}`, { annotations: { 'ambient.istio.io/redirection': value } });
  const pods = [
    noted('a', 'enabled'),
    noted('b', 'pending'),
    pod('shop/c'),
    pod('shop/d', spec({ hostNetwork: true })),
    pod('shop/e', { spec: { containers: [] } }),
  ].map((one) => (one.metadata.name === 'e' ? { ...one, spec: { containers: [] } } : one));
  const joining = joiningOf(factsWith({ pods }));
  assert.equal(
    joining.map(({ pod: name, state }) => `${name} ${state}`),
    ['a joined', 'b pending', 'c waiting', 'd outside', 'e waiting'],
  );
  assert.equal(
    stillComing(joining).map(({ pod: name }) => name),
    ['b', 'c'],
  );
});

test.run();
