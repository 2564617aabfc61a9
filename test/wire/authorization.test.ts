import * as assert from 'uvu/assert';
import { parseCidr } from '../../src/mesh/address.ts';
import type { Authorization } from '../../src/mesh/authorization.ts';
import {
  decodeAuthorization,
  encodeAuthorization,
  nameOfAuthorization,
} from '../../src/wire/authorization.ts';
import { aMatch, aPolicy, strictPolicy } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('authorization codec');
const cidr = (text: string) => parseCidr(text)!;

const full: Authorization = {
  name: 'full',
  namespace: 'default',
  scope: 'workload',
  action: 'deny',
  groups: [
    { clauses: [] },
    { clauses: [{ matches: [] }] },
    {
      clauses: [
        {
          matches: [
            aMatch({
              namespaces: [{ kind: 'exact', value: 'a' }],
              notNamespaces: [{ kind: 'prefix', value: 'b' }],
              principals: [{ kind: 'suffix', value: 'c' }],
              notPrincipals: [{ kind: 'presence' }],
              sourceIps: [cidr('10.0.0.0/8')],
              notSourceIps: [cidr('fd00::/8')],
              destinationIps: [cidr('10.1.0.1')],
              notDestinationIps: [cidr('::1')],
              destinationPorts: [80, 443],
              notDestinationPorts: [8080],
              serviceAccounts: [{ namespace: 'a', serviceAccount: 'x' }],
              notServiceAccounts: [{ namespace: 'b', serviceAccount: 'y' }],
            }),
          ],
        },
      ],
    },
  ],
  dryRun: true,
};

test('brings policies back as they were', () => {
  for (const value of [full, strictPolicy, aPolicy('empty', 'allow', [])]) {
    assert.equal(decodeAuthorization(encodeAuthorization(value)), { kind: 'ok', value });
  }
  assert.is(nameOfAuthorization(full), 'default/full');
});

test('writes the recorded bytes of the STRICT policy', () => {
  // name(1), namespace(2), scope(3)=2, action(4)=1, groups(5) > clauses(1) > matches(2) >
  // not_principals(4) > presence(4)
  const expected = Buffer.concat([
    Buffer.from('0a1d', 'hex'),
    Buffer.from('istio_converted_static_strict'),
    Buffer.from('120c', 'hex'),
    Buffer.from('istio-system'),
    Buffer.from('18022001', 'hex'),
    Buffer.from('2a080a061204220222', 'hex'),
    Buffer.from('00', 'hex'),
  ]);
  assert.is(
    Buffer.from(encodeAuthorization(strictPolicy)).toString('hex'),
    expected.toString('hex'),
  );
});

test('names what it rejects instead of throwing', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['1809', /scope has the unknown value 9/],
    ['2007', /action has the unknown value 7/],
    ['2a060a0412022200', /a text match has no kind/],
    ['2a080a0612042a020a00', /not 4 or 16 bytes/],
    ['ff', /not a readable/],
  ];
  for (const [hex, expected] of cases) {
    const result = decodeAuthorization(Buffer.from(hex, 'hex'));
    assert.is(result.kind, 'problem', hex);
    if (result.kind === 'problem') assert.match(result.problem, expected);
  }
});

test.run();
