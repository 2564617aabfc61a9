import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { podFacts } from '../../src/cni/agent/pod-facts.ts';
import { redirectChoices } from '../../src/cni/agent/redirect-choices.ts';
import { shouldEnrol } from '../../src/cni/agent/should-enrol.ts';
import type { RedirectSettings } from '../../src/cni/redirect/rules.ts';
import { suite } from '../support/suite.ts';
import { probeAddresses } from './pod-network.ts';
import { aPod } from './pods.ts';

const test = suite('who belongs into the mesh');

const mode = 'istio.io/dataplane-mode';
const excluded = new Set(['kube-system']);
const labelled = new Map([[mode, 'ambient']]);
const unlabelled = new Map<string, string>();
const nodeSettings: RedirectSettings = {
  ipv6: true,
  captureDns: false,
  bypassInbound: false,
  virtualInterfaces: [],
  probeAddresses,
};

test('takes pods by the label of their namespace', () => {
  assert.equal(shouldEnrol(aPod(), labelled, excluded), {
    enrol: true,
    reason: 'namespace label istio.io/dataplane-mode=ambient',
  });
  assert.is(shouldEnrol(aPod(), unlabelled, excluded).enrol, false);
  assert.is(shouldEnrol(aPod(), new Map([[mode, 'none']]), excluded).enrol, false);
});

test("lets the pod's own label beat that of its namespace", () => {
  const into = aPod({ labels: new Map([[mode, 'ambient']]) });
  assert.equal(shouldEnrol(into, unlabelled, excluded), {
    enrol: true,
    reason: 'pod label istio.io/dataplane-mode=ambient',
  });
  const out = aPod({ labels: new Map([[mode, 'none']]) });
  assert.equal(shouldEnrol(out, labelled, excluded), {
    enrol: false,
    reason: 'pod label istio.io/dataplane-mode=none',
  });
  const other = aPod({ labels: new Map([[mode, 'sidecar']]) });
  assert.is(shouldEnrol(other, labelled, excluded).enrol, true);
});

test('leaves pods out that cannot be redirected, and says which and why', () => {
  const own = new Map([[mode, 'ambient']]);
  const cases = [
    [aPod({ hostNetwork: true, labels: own }), /network of its node/],
    [aPod({ namespace: 'kube-system', labels: own }), /kube-system is excluded/],
    [aPod({ annotations: new Map([['sidecar.istio.io/status', '{}']]) }), /sidecar/],
    [aPod({ phase: 'Succeeded' }), /has ended \(Succeeded\)/],
    [aPod({ phase: 'Failed' }), /has ended \(Failed\)/],
  ] as const;
  for (const [pod, words] of cases) {
    const decision = shouldEnrol(pod, labelled, excluded);
    assert.is(decision.enrol, false);
    assert.match(decision.reason, words);
  }
});

test('follows the annotations of a pod over the settings of the node', () => {
  const annotations = new Map([
    ['ambient.istio.io/dns-capture', 'true'],
    ['ambient.istio.io/bypass-inbound-capture', 'true'],
    ['istio.io/reroute-virtual-interfaces', 'vm0, tap-1 ,'],
  ]);
  const { settings, problems } = redirectChoices(aPod({ annotations }), nodeSettings);
  assert.equal(problems, []);
  assert.equal(settings, {
    ...nodeSettings,
    captureDns: true,
    bypassInbound: true,
    virtualInterfaces: ['vm0', 'tap-1'],
  });
  const off = new Map([['ambient.istio.io/dns-capture', 'false']]);
  const capturing = { ...nodeSettings, captureDns: true };
  assert.is(redirectChoices(aPod({ annotations: off }), capturing).settings.captureDns, false);
});

test('names annotations it cannot read, and lets none of them into a rule', () => {
  const annotations = new Map([
    ['ambient.istio.io/dns-capture', 'yes'],
    ['istio.io/reroute-virtual-interfaces', 'vm0,"; flush ruleset; ",a-name-far-too-long'],
  ]);
  const { settings, problems } = redirectChoices(aPod({ annotations }), nodeSettings);
  assert.is(problems.length, 2);
  assert.match(problems.join(), /dns-capture=yes/);
  assert.equal(settings, { ...nodeSettings, virtualInterfaces: ['vm0'] });
});

test('lets nothing but names of interfaces through, whatever an annotation says', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(',', '"', ';', '\n', 'vm0', ' ', '$(x)', '../'),
  );
  const text = fc.array(piece, { maxLength: 80 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(text, text, (interfaces, capture) => {
      const annotations = new Map([
        ['istio.io/reroute-virtual-interfaces', interfaces],
        ['ambient.istio.io/dns-capture', capture],
      ]);
      const { settings, problems } = redirectChoices(aPod({ annotations }), nodeSettings);
      assert.ok(settings.virtualInterfaces.length <= 32);
      for (const name of settings.virtualInterfaces) assert.match(name, /^[\w][\w.-]{0,14}$/);
      const readable = capture === 'true' || capture === 'false';
      assert.is(settings.captureDns, readable ? capture === 'true' : nodeSettings.captureDns);
      assert.is(
        problems.some((problem) => problem.includes('dns-capture')),
        !readable,
      );
    }),
  );
});

test('reads what it needs from the API object of a pod', () => {
  const facts = podFacts({
    metadata: { uid: 'u', name: 'n', namespace: 'ns', labels: { a: 'b' } },
    spec: { containers: [], serviceAccountName: 'sa', hostNetwork: true },
    status: { phase: 'Running', podIPs: [{ ip: '10.0.0.1' }, { ip: 'FD00::0001' }] },
  });
  assert.equal(facts?.addresses, ['10.0.0.1', 'fd00::1']);
  assert.is(facts?.serviceAccount, 'sa');
  assert.is(facts?.hostNetwork, true);
  assert.is(podFacts({ metadata: { name: 'n' } }), undefined);
  const alone = podFacts({
    metadata: { uid: 'u', name: 'n', namespace: 'ns' },
    status: { podIP: '::1' },
  });
  assert.equal(alone?.addresses, ['::1']);
});

test.run();
