// Whatever a container runtime or plugin sends, its reader answers with a value or with what is wrong.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  addressesOf,
  cniCommands,
  cniErrorCodes,
  decodePluginAnswer,
  decodePluginEvent,
  encodePluginEvent,
  type PluginEvent,
  parseCniRequest,
  passOnResult,
} from '../../src/wire/cni.ts';
import { suite } from '../support/suite.ts';

const test = suite('CNI input');

const anyJson = fc.oneof(fc.json(), fc.string());
const field = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 3, arbitrary: value }, fc.jsonValue());
const anAddress = fc.oneof(
  fc.ipV4().map((address) => ({ address, bits: 32 })),
  fc
    .ipV6()
    .filter((address) => !address.includes('.'))
    .map((address) => ({ address, bits: 128 })),
);

test('every event is read as it was written', () => {
  const address = fc
    .tuple(anAddress, fc.nat(), fc.option(fc.nat(9), { nil: undefined }), fc.ipV4())
    .map(([{ address: own, bits }, length, interfaceIndex, gateway]) => ({
      interfaceIndex,
      address: own,
      prefixLength: length % (bits + 1),
      gateway,
    }));
  const name = fc.string({ minLength: 1 });
  const parts = {
    netns: name,
    podName: name,
    podNamespace: name,
    addresses: fc.array(address, { maxLength: 4 }),
  };
  const event: fc.Arbitrary<PluginEvent> = fc.record(parts, { noNullPrototype: true });
  fc.assert(
    fc.property(event, (value) => {
      assert.equal(decodePluginEvent(encodePluginEvent(value)), { kind: 'ok', value });
    }),
  );
});

test('any event body is read or refused with a field that is wrong', () => {
  const entry = fc.record(
    {
      Interface: field(fc.nat()),
      Address: field(fc.record({ IP: field(fc.ipV4()), Mask: field(fc.base64String()) })),
      Gateway: field(fc.ipV4()),
    },
    { requiredKeys: [] },
  );
  const body = fc.record(
    {
      Netns: field(fc.string()),
      PodName: field(fc.string()),
      PodNamespace: field(fc.string()),
      IPs: field(fc.array(field(entry))),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        anyJson,
        body.map((value) => JSON.stringify(value)),
      ),
      (text) => {
        const read = decodePluginEvent(text);
        if (read.kind === 'problem') {
          assert.match(read.problem, /JSON object|field (Netns|PodName|PodNamespace|IPs)/);
          return;
        }
        const { netns, podName, podNamespace, addresses } = read.value;
        assert.ok(netns !== '' && podName !== '' && podNamespace !== '');
        for (const one of addresses) {
          const bits = one.address.includes(':') ? 128 : 32;
          assert.ok(one.prefixLength >= 0 && one.prefixLength <= bits);
        }
      },
    ),
  );
});

const environment = fc.record(
  {
    CNI_COMMAND: fc.oneof(fc.constantFrom(...cniCommands), fc.string()),
    CNI_CONTAINERID: fc.string(),
    CNI_NETNS: fc.string(),
    CNI_IFNAME: fc.string(),
    CNI_ARGS: fc.oneof(
      fc.string(),
      fc.array(fc.string()).map((parts) => parts.join(';')),
      fc.constant('IgnoreUnknown=1;K8S_POD_NAMESPACE=a;K8S_POD_NAME=b=c'),
    ),
  },
  { requiredKeys: [] },
);
const result = fc.record(
  {
    cniVersion: field(fc.constantFrom('0.2.0', '1.0.0')),
    ips: field(
      fc.array(
        field(
          fc.record({
            address: field(fc.tuple(fc.ipV4(), fc.nat(40)).map(([ip, bits]) => `${ip}/${bits}`)),
            interface: field(fc.nat()),
            gateway: field(fc.ipV4()),
          }),
        ),
      ),
    ),
    ip4: field(fc.record({ ip: field(fc.string()) })),
  },
  { requiredKeys: [] },
);
const configuration = fc.record(
  {
    cniVersion: field(fc.string()),
    cni_agent_run_dir: field(fc.constant('/run/x')),
    exclude_namespaces: field(fc.array(fc.string())),
    prevResult: field(result),
  },
  { requiredKeys: [] },
);

test('any environment and configuration are a call or are refused with a code', () => {
  const stdin = fc.oneof(
    anyJson,
    configuration.map((value) => JSON.stringify(value)),
  );
  const codes = new Set<number>(Object.values(cniErrorCodes));
  fc.assert(
    fc.property(environment, stdin, (env, text) => {
      const read = parseCniRequest(env, text);
      if (read.kind === 'problem') {
        assert.ok(codes.has(read.code) && read.problem !== '');
        return;
      }
      const { command, netns, config } = read.value;
      if (command === 'ADD') assert.ok(netns !== '');
      assert.ok(config.runDirectory.startsWith('/'));
      assert.is(passOnResult(config)['cniVersion'] === undefined, false);
      for (const { address, prefixLength } of addressesOf(config.previousResult)) {
        assert.ok(prefixLength >= 0 && prefixLength <= (address.includes(':') ? 128 : 32));
      }
    }),
    { numRuns: 500 },
  );
});

test('any answer of an agent is one or none', () => {
  fc.assert(
    fc.property(anyJson, (text) => {
      const answer = decodePluginAnswer(text);
      assert.ok(answer === undefined || typeof answer.enrolled === 'boolean');
    }),
  );
});

test.run();
