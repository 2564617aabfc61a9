// What baggage tells of a workload arrives as it was written, and nothing a peer can write stops its reader.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { baggageOf, parseBaggage } from '../../src/mesh/baggage.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { aWorkload } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('baggage');

/** A Kubernetes name or nothing. */
const name = fc.stringMatching(/^([a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?)?$/);

test('every written value is read back, and an empty one is left out', () => {
  const type = fc.constantFrom<Workload['workloadType']>('deployment', 'cronjob', 'pod', 'job');
  fc.assert(
    fc.property(type, name, name, name, name, (workloadType, workloadName, zone, region, app) => {
      const facts = aWorkload('alpha', {
        workloadType,
        workloadName,
        canonicalName: app,
        locality: { region, zone, subzone: '' },
      });
      const read = parseBaggage(baggageOf(facts));
      assert.equal(read.workloadName ?? '', workloadName);
      assert.equal(read.workloadType, workloadName === '' ? undefined : workloadType);
      assert.equal(read.zone ?? '', zone);
      assert.equal(read.region ?? '', region);
      assert.equal(read.canonicalName ?? '', app);
      assert.equal(read.namespace, facts.namespace);
    }),
  );
});

test('any header value is read without a failure, and gives only non-empty values', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(',', '=', ' ', 'k8s.pod.name', 'cloud.region', '__proto__', 'service.name'),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      for (const value of Object.values(parseBaggage(pieces.join(''))))
        assert.ok(typeof value === 'string' && value.length > 0);
    }),
  );
});

test.run();
