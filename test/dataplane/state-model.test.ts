import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { MeshState } from '../../src/dataplane/state/mesh-state.ts';
import { type SubscribedKind, subscribedKind } from '../../src/dataplane/subscription-kind.ts';
import type { Authorization } from '../../src/mesh/authorization.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import type { ServiceKey, Workload } from '../../src/mesh/workload.ts';
import { atOnce, type Turns } from '../../src/runtime/turns.ts';
import {
  decodeAddress,
  encodeAddress,
  type MeshAddress,
  nameOfAddress,
} from '../../src/wire/address.ts';
import { decodeAuthorization, encodeAuthorization } from '../../src/wire/authorization.ts';
import { scanDeltaResponse } from '../../src/wire/scan-discovery.ts';
import { encodeDeltaResponse, partNoncePrefix, typeUrls } from '../../src/wire/xds.ts';
import { aPolicy, aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('state after any responses');

const names = ['a', 'b', 'c', 'd'] as const;
const policyNames = names.map((name) => `default/${name}`);
const ips = ['10.0.0.1', '10.0.0.2', 'fd00::1'].map(ipAddress);
const keys: ServiceKey[] = names.map((name) => keyOfService(aService(name)));
const uids = names.map((name) => aWorkload(name).uid);

const workload = fc
  .record({
    name: fc.constantFrom(...names),
    addresses: fc.subarray(ips, { maxLength: 2 }),
    tunnelProtocol: fc.constantFrom('hbone' as const, 'none' as const),
    networkMode: fc.constantFrom('standard' as const, 'host' as const),
    authorizationPolicies: fc.subarray(policyNames),
    services: fc.subarray(keys).map((list) => new Map(list.map((key) => [key, []] as const))),
  })
  .map(({ name, ...changes }): MeshAddress => {
    return { kind: 'workload', workload: aWorkload(name, changes) };
  });
const service = fc
  .record({ name: fc.constantFrom(...names), ip: fc.constantFrom(...ips) })
  .map(({ name, ip }): MeshAddress => {
    return {
      kind: 'service',
      service: aService(name, { addresses: [{ network: '', address: ip }] }),
    };
  });
const policy = fc
  .record({
    name: fc.constantFrom(...names),
    scope: fc.constantFrom('workload' as const, 'namespace' as const, 'global' as const),
    action: fc.constantFrom('allow' as const, 'deny' as const),
  })
  .map(({ name, action, scope }) => aPolicy(name, action, [], { scope }));

interface Step {
  readonly addresses: boolean;
  readonly updated: readonly MeshAddress[];
  readonly policies: readonly Authorization[];
  readonly removed: readonly string[];
  readonly broken: string | undefined;
  readonly parts: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  addresses: fc.boolean(),
  updated: fc.array(fc.oneof(workload, service), { maxLength: 5 }),
  policies: fc.array(policy, { maxLength: 3 }),
  removed: fc.subarray([...uids, ...keys, ...policyNames, 'unknown', 'a/b/c'], { maxLength: 4 }),
  broken: fc.option(fc.constantFrom(...uids, ...policyNames), { nil: undefined }),
  parts: fc.integer({ min: 1, max: 3 }),
});

/** What the responses say, in plain maps. */
class Model {
  readonly addresses = new Map<string, MeshAddress>();
  readonly policies = new Map<string, Authorization>();
  readonly leaving = new Map<string, Authorization>();

  take({ addresses, updated, policies, removed }: Step): void {
    if (addresses) {
      for (const name of removed) this.addresses.delete(name);
      const last = new Map(updated.map((one) => [nameOfAddress(one), one]));
      for (const [name, one] of last) {
        this.addresses.delete(name);
        this.addresses.set(name, one);
      }
    } else {
      const last = new Map(policies.map((one) => [`default/${one.name}`, one]));
      for (const name of removed) {
        const held = this.policies.get(name);
        if (last.has(name)) continue;
        if (held?.scope === 'workload') this.leaving.set(name, held);
        this.policies.delete(name);
      }
      for (const [name, one] of last) {
        this.policies.set(name, one);
        this.leaving.delete(name);
      }
    }
    const used = new Set(this.workloads().flatMap((one) => one.authorizationPolicies));
    for (const name of this.leaving.keys()) if (!used.has(name)) this.leaving.delete(name);
  }

  workloads(): Workload[] {
    return [...this.addresses.values()].flatMap((one) =>
      one.kind === 'workload' ? [one.workload] : [],
    );
  }
}

function resources(own: Step): { name: string; bytes: Uint8Array }[] {
  const { addresses, updated, policies, broken } = own;
  const good = addresses
    ? updated.map((one) => ({ name: nameOfAddress(one), bytes: encodeAddress(one) }))
    : policies.map((one) => ({ name: `default/${one.name}`, bytes: encodeAuthorization(one) }));
  const isTwice = broken === undefined || good.some(({ name }) => name === broken);
  return isTwice ? good : [...good, { name: broken, bytes: Buffer.from([0xff]) }];
}

/** Sends a step as a controller would, perhaps in parts. */
async function send(kind: SubscribedKind, own: Step, turns: Turns): Promise<void> {
  const all = resources(own);
  const size = Math.max(1, Math.ceil(all.length / own.parts));
  for (let start = 0; ; start += size) {
    const isLast = start + size >= all.length;
    const response = {
      systemVersion: 'v',
      typeUrl: kind.typeUrl,
      nonce: `${isLast ? '' : partNoncePrefix}${start}`,
      resources: all
        .slice(start, start + size)
        .map((one) => ({ ...one, version: 'v', aliases: [] })),
      removed: isLast ? own.removed : [],
    };
    const rejected = await kind.receive(
      atOnce(scanDeltaResponse(encodeDeltaResponse(response))),
      turns,
    );
    if (isLast) {
      assert.is(rejected.length, all.some(({ bytes }) => bytes[0] === 0xff) ? 1 : 0);
      return;
    }
  }
}

function compare(state: MeshState, model: Model): void {
  const workloads = model.workloads();
  const uidsOf = (list: Iterable<Workload>) => [...list].map(({ uid }) => uid).sort();
  assert.equal(uidsOf(state.workloads()), uidsOf(workloads));
  for (const one of workloads) assert.equal(state.workloadByUid(one.uid), one);
  for (const ip of ips) {
    const candidates = workloads.filter(
      ({ addresses, networkMode }) => networkMode === 'standard' && addresses.includes(ip),
    );
    const wanted = candidates.find((one) => one.tunnelProtocol === 'hbone') ?? candidates[0];
    assert.equal(state.workloadByAddress('', ip), wanted);
    const services = [...model.addresses.values()].flatMap((one) =>
      one.kind === 'service' && one.service.addresses[0]?.address === ip ? [one.service] : [],
    );
    assert.equal(state.serviceByAddress('', ip, 'elsewhere'), services[0]);
  }
  for (const key of keys) {
    const endpoints = workloads.filter(({ services }) => services.has(key));
    const found = state.endpointsOf(key).map((one) => one.workload);
    assert.equal(uidsOf(found), uidsOf(endpoints));
    assert.is(state.serviceByKey(key) !== undefined, model.addresses.has(key));
  }
  for (const one of workloads) comparePolicies(state, model, one);
}

function comparePolicies(state: MeshState, model: Model, one: Workload): void {
  const { policies, missing } = state.policiesFor(one);
  const known = (name: string) => model.policies.get(name) ?? model.leaving.get(name);
  const wanted = new Set([...model.policies.values()].filter(({ scope }) => scope !== 'workload'));
  for (const name of one.authorizationPolicies) {
    const own = known(name);
    if (own !== undefined) wanted.add(own);
  }
  const inWords = (list: Iterable<Authorization>) =>
    [...list].map(({ name, action, scope }) => `${name} ${action} ${scope}`).sort();
  assert.equal(inWords(policies), inWords(wanted));
  assert.equal(
    missing,
    one.authorizationPolicies.filter((name) => known(name) === undefined),
  );
}

for (const [what, maxInPlace] of [
  ['in place', 500],
  ['by new tables', 0],
] as const) {
  test(`equals plain maps after every response, applied ${what}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const state = new MeshState(maxInPlace);
        const model = new Model();
        let seen = 0;
        const turns: Turns = {
          isOver: true,
          next: async () => {
            // Nothing of a response is seen before all of it is.
            compare(state, model);
            seen++;
            await Promise.resolve();
          },
        };
        const addresses = subscribedKind({
          typeUrl: typeUrls.address,
          decode: (_name, bytes) => decodeAddress(bytes),
          apply: (batch, own) => state.loadAddresses(batch, own),
        });
        const policies = subscribedKind({
          typeUrl: typeUrls.authorization,
          decode: (_name, bytes) => decodeAuthorization(bytes),
          apply: (batch) => state.applyAuthorizations(batch),
        });
        for (const own of steps) {
          const before = seen;
          const kind = own.addresses ? addresses : policies;
          await send(kind, own, turns);
          assert.ok(seen - before >= resources(own).length);
          model.take(own);
          compare(state, model);
          const held = own.addresses ? model.addresses : model.policies;
          assert.equal([...kind.versions.keys()].sort(), [...held.keys()].sort());
        }
      }),
      { numRuns: 150 },
    );
  });
}

test.run();
