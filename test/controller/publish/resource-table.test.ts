import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { demanded } from '../../../src/controller/publish/demand.ts';
import {
  type PublishedResource,
  ResourceTable,
} from '../../../src/controller/publish/resource-table.ts';
import { atOnce } from '../../../src/runtime/turns.ts';
import { suite } from '../../support/suite.ts';

const test = suite('tables of resources');

const resource = (name: string, version = '1', more: Partial<PublishedResource> = {}) => ({
  name,
  version,
  aliases: [],
  bytes: new Uint8Array(),
  ...more,
});

const name = fc.integer({ min: 0, max: 400 }).map((number) => `name-${number}`);
const sorted = (entries: Iterable<readonly [string, string]>): string[] =>
  [...entries].map((entry) => entry.join(' ')).sort();
const batch = fc.record({
  updated: fc.array(fc.tuple(name, fc.constantFrom('1', '2'))),
  removed: fc.array(name),
});

test('equal plain maps after any changes, and tell exactly what changed', () => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 6 }), (batches) => {
      const model = new Map<string, string>();
      const tables = [ResourceTable.empty];
      const models = [new Map(model)];
      for (const { updated, removed } of batches) {
        for (const one of removed) model.delete(one);
        for (const [one, version] of updated) model.set(one, version);
        const before = tables.at(-1) ?? ResourceTable.empty;
        const made = updated.map(([one, version]) => resource(one, version));
        tables.push(before.with(made, removed));
        models.push(new Map(model));
      }
      for (const [index, table] of tables.entries()) {
        const wanted = models[index] ?? model;
        const versions = [...table.values()].map((one) => [one.name, one.version] as const);
        assert.equal(sorted(versions), sorted(wanted));
        assert.is(table.size, wanted.size);
        const all = [...wanted].map(([one, version]) => resource(one, version));
        assert.is(atOnce(ResourceTable.of(all)).hash, table.hash);
        for (const [earlier, older] of tables.entries()) {
          const held = new Map(models[earlier]);
          const changes = table.changesSince(older);
          for (const one of changes.updated) assert.is.not(held.get(one.name), one.version);
          for (const one of changes.removed) assert.ok(held.delete(one));
          for (const one of changes.updated) held.set(one.name, one.version);
          assert.equal(sorted(held), sorted(wanted));
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('find what a name takes: the service of an address, its endpoints, and its waypoint', () => {
  const table = ResourceTable.empty.with(
    [
      resource('a/web', '1', { aliases: ['/10.96.0.1'], leadsTo: ['a/waypoint'] }),
      resource('a/waypoint', '1', { aliases: ['/10.96.0.2'] }),
      resource('uid-1', '1', { aliases: ['/10.0.0.1'], memberOf: ['a/web'] }),
      resource('uid-2', '1', { aliases: ['/10.0.0.2'], memberOf: ['a/waypoint'] }),
      resource('uid-3', '1', { aliases: ['/10.0.0.3'], memberOf: ['a/other'] }),
    ],
    [],
  );
  const names = (...asked: string[]) => [...demanded(table, asked).keys()].sort();
  assert.equal(names('/10.96.0.1'), ['a/waypoint', 'a/web', 'uid-1', 'uid-2']);
  assert.equal(names('a/waypoint'), ['a/waypoint', 'uid-2']);
  assert.equal(names('/10.0.0.3', 'uid-1'), ['uid-1', 'uid-3']);
  assert.equal(names('/192.0.2.1', 'nothing'), []);
});

test.run();
