import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { atOnce } from '../../src/runtime/turns.ts';
import { scanDeltaResponse } from '../../src/wire/scan-discovery.ts';
import { writeDeltaResponse, writeInitialVersions } from '../../src/wire/write-discovery.ts';
import {
  type DeltaResponse,
  decodeDeltaRequest,
  encodeDeltaRequest,
  encodeDeltaResponse,
} from '../../src/wire/xds.ts';
import { suite } from '../support/suite.ts';

const test = suite('discovery responses in pieces');

const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('x'.repeat(200)));
const responses: fc.Arbitrary<DeltaResponse> = fc.record(
  {
    systemVersion: text,
    typeUrl: text,
    nonce: text,
    removed: fc.array(text),
    resources: fc.array(
      fc.record(
        {
          name: text,
          version: text,
          aliases: fc.array(text, { maxLength: 3 }),
          bytes: fc.uint8Array({ maxLength: 300 }),
        },
        { noNullPrototype: true },
      ),
    ),
  },
  { noNullPrototype: true },
);

test('writes the bytes that the protobuf library writes', () => {
  fc.assert(
    fc.property(responses, (response) => {
      assert.equal(atOnce(writeDeltaResponse(response)), encodeDeltaResponse(response));
    }),
  );
});

test('reads what was written', () => {
  fc.assert(
    fc.property(responses, (response) => {
      const scanned = atOnce(scanDeltaResponse(encodeDeltaResponse(response)));
      const resources = Array.from({ length: scanned.count }, (_, index) => {
        const { bytes, ...rest } = scanned.resource(index);
        return { ...rest, bytes: Uint8Array.from(bytes) };
      });
      const { systemVersion, typeUrl, nonce, removed } = scanned;
      assert.equal({ systemVersion, typeUrl, nonce, removed, resources }, { ...response });
    }),
  );
});

test('writes what is held behind a request, as the library reads it', () => {
  const held = fc.array(fc.tuple(text, text)).map((entries) => new Map(entries));
  fc.assert(
    fc.property(held, (versions) => {
      const request = {
        typeUrl: 't',
        subscribe: ['s'],
        unsubscribe: [],
        initialVersions: new Map<string, string>(),
        responseNonce: 'n',
      };
      const bytes = [encodeDeltaRequest(request), atOnce(writeInitialVersions(versions))];
      const read = decodeDeltaRequest(Buffer.concat(bytes));
      const sorted = (map: ReadonlyMap<string, string>) =>
        [...map].map((one) => JSON.stringify(one)).sort();
      assert.equal(sorted(read.initialVersions), sorted(versions));
      assert.equal({ ...read, initialVersions: new Map() }, request);
    }),
  );
});

test('refuses bytes that are no response, and never does anything else with them', () => {
  const whole = encodeDeltaResponse({
    systemVersion: 'v',
    typeUrl: 't',
    nonce: 'n',
    removed: ['r'],
    resources: [{ name: 'a', version: '1', aliases: [], bytes: new Uint8Array(40) }],
  });
  assert.throws(() => atOnce(scanDeltaResponse(whole.subarray(0, 20))), /cut off|premature/);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        const scanned = atOnce(scanDeltaResponse(bytes));
        for (let index = 0; index < scanned.count; index++) scanned.resource(index);
      } catch (error) {
        assert.instance(error, Error);
      }
    }),
  );
});

test('may be held while a large response is read or written', () => {
  const resources = Array.from({ length: 2_000 }, (_, index) => ({
    name: `name-${index}`,
    version: '1',
    aliases: [],
    bytes: new Uint8Array(10),
  }));
  const response = { systemVersion: 'v', typeUrl: 't', nonce: 'n', removed: [], resources };
  const written = [...writeDeltaResponse(response)].length;
  const read = [...scanDeltaResponse(encodeDeltaResponse(response))].length;
  assert.ok(written >= 20, `${written} pieces written`);
  assert.ok(read >= 4, `${read} pieces read`);
});

test.run();
