import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type {
  AllocatedAddress,
  ServiceEntry,
} from '../../../src/controller/kinds/service-entry.ts';
import {
  type Allocations,
  allocateAddresses,
} from '../../../src/controller/translate/allocate-addresses.ts';
import type { AddressRanges } from '../../../src/controller/translate/cidr.ts';
import { cidrContains, type IpAddress, parseIp } from '../../../src/mesh/address.ts';
import { suite } from '../../support/suite.ts';
import { mesh } from '../tables.ts';

const test = suite('addresses for service entries');

/** Few addresses, so that hosts meet. */
const narrow: AddressRanges = {
  ipv4: { address: '240.240.0.0' as IpAddress, length: 28 },
  ipv6: { address: '2001:2::' as IpAddress, length: 124 },
};

interface Written {
  readonly object: ServiceEntry;
  readonly present: readonly AllocatedAddress[];
}

function entry(index: number, spec: ServiceEntry['spec']): ServiceEntry {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: {
      name: `e${index}`,
      namespace: 'team',
      creationTimestamp: `2026-01-01T00:00:${String(index).padStart(2, '0')}Z`,
    },
    spec: { resolution: 'DNS', ...spec },
  };
}

const hosts = fc.subarray(['a.example', 'b.example', 'c.example', '*.wild.example']);
const written = fc.array(
  fc.record({
    value: fc.constantFrom('240.240.0.3', '240.240.0.4', '2001:2::3', 'x'),
    host: fc.constantFrom('a.example', 'b.example'),
  }),
  { maxLength: 3 },
);
const scene = fc
  .array(fc.tuple(hosts, written, fc.constantFrom([], [], ['240.240.0.4'], ['240.240.0.8/30'])), {
    minLength: 1,
    maxLength: 6,
  })
  .map((all) =>
    all.map(([names, present, addresses], index): Written => {
      return { object: entry(index, { hosts: names, addresses }), present };
    }),
  );

function values(allocations: Allocations): string[] {
  return [...allocations.values()].flat().map(({ value }) => value);
}

test('nobody has the address of another, and every address is of its range', () => {
  fc.assert(
    fc.property(scene, (subjects) => {
      const all = values(allocateAddresses(subjects, narrow));
      assert.is(new Set(all).size, all.length);
      for (const text of all) {
        const address = parseIp(text) as IpAddress;
        assert.ok(cidrContains(narrow.ipv4, address) || cidrContains(narrow.ipv6, address));
        assert.not(['240.240.0.0', '240.240.0.15', '2001:2::', '2001:2::f'].includes(text));
      }
    }),
  );
});

test('what is written down stays, in any order of the objects', () => {
  fc.assert(
    fc.property(scene, (subjects) => {
      const first = allocateAddresses(subjects, narrow);
      const again = subjects
        .map(({ object }) => ({ object, present: first.get(`team/${object.metadata.name}`) ?? [] }))
        .toReversed();
      assert.equal(Object.fromEntries(allocateAddresses(again, narrow)), Object.fromEntries(first));
    }),
  );
});

test('a status that was lost is made again as it was', () => {
  const lost = [1, 2, 3].map((index) => ({
    object: entry(index, { hosts: [`h${index}.example`] }),
    present: [],
  }));
  const once = allocateAddresses(lost, mesh.addressRanges);
  assert.equal(allocateAddresses(lost.toReversed(), mesh.addressRanges), once);
  assert.equal(values(allocateAddresses(lost.slice(1), mesh.addressRanges)), values(once).slice(2));
});

test('a range that is full gives no more', () => {
  const many = Array.from({ length: 20 }, (_, index) => ({
    object: entry(index, { hosts: [`h${index}.example`] }),
    present: [],
  }));
  const all = allocateAddresses(many, narrow);
  assert.is(values(all).length, 28);
  assert.is(all.has('team/e19'), false);
});

test.run();
