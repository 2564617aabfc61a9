import { once } from 'node:events';
import { isIP } from 'node:net';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { maxHelloBytes, readTlsHello } from '../../src/wire/tls-hello.ts';
import { aName, damaged } from '../support/generated.ts';
import { suite } from '../support/suite.ts';

const test = suite('the name in a TLS hello');

/** What a real client sends first. */
async function helloOf(servername: string, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer> {
  const sent = Promise.withResolvers<Buffer>();
  const wire = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      sent.resolve(chunk);
      done();
    },
  });
  const socket = connect({ socket: wire, servername, maxVersion, minVersion: maxVersion });
  socket.on('error', () => undefined);
  const hello = await sent.promise;
  socket.destroy();
  await once(wire, 'close');
  return hello;
}

/** The same hello in records of other sizes. */
function inRecords(hello: Buffer, sizes: readonly number[]): Buffer {
  const records: Buffer[] = [];
  let rest = hello.subarray(5);
  for (let index = 0; rest.length > 0; index++) {
    const part = rest.subarray(0, sizes[index] ?? rest.length);
    rest = rest.subarray(part.length);
    const head = Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]);
    records.push(head, part);
  }
  return Buffer.concat(records);
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a client of ${version} is understood, whole and in any records`, async () => {
    const hello = await helloOf('Reviews.example', version);
    assert.equal(readTlsHello(hello), { kind: 'hello', name: 'reviews.example' });
    assert.equal(readTlsHello(await helloOf('', version)), { kind: 'hello' });
    const sizes = fc.array(fc.integer({ min: 1, max: 80 }), { maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.uint8Array({ maxLength: 20 }), (parts, after) => {
        const bytes = Buffer.concat([inRecords(hello, parts), after]);
        assert.equal(readTlsHello(bytes), { kind: 'hello', name: 'reviews.example' });
      }),
    );
  });
}

test('a hello that is cut asks for more, and never for what is there', async () => {
  const hello = inRecords(await helloOf('a.example', 'TLSv1.3'), [1, 2, 3, 50]);
  for (let length = 0; length < hello.length; length++) {
    const read = readTlsHello(hello.subarray(0, length));
    assert.is(read.kind, 'more', String(length));
    assert.ok(read.kind === 'more' && read.needed > length && read.needed <= hello.length);
  }
});

test('names of every form are found; what is none is not', async () => {
  const labels = fc
    .array(aName, { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join('.'))
    // Clients do not ask for addresses by name (RFC 6066 section 3).
    .filter((name) => isIP(name) === 0);
  const whole = await helloOf('x', 'TLSv1.3');
  await fc.assert(
    fc.asyncProperty(labels, async (name) => {
      const hello = await helloOf(name, 'TLSv1.3');
      assert.equal(readTlsHello(hello), { kind: 'hello', name });
    }),
    { numRuns: 20 },
  );
  fc.assert(
    fc.property(damaged(fc.constant(whole)), (bytes) => {
      const read = readTlsHello(bytes);
      if (read.kind === 'more')
        assert.ok(read.needed > bytes.length && read.needed <= maxHelloBytes);
      if (read.kind === 'hello' && read.name !== undefined)
        assert.match(read.name, /^[0-9a-z._-]+$/);
    }),
    { numRuns: 2_000 },
  );
});

/** A hello with the extension for names that is given, in hexadecimal. */
function withNames(...extensions: readonly string[]): Buffer {
  const block = (size: number, content: Buffer): Buffer => {
    const head = Buffer.alloc(size);
    head.writeUIntBE(content.length, 0, size);
    return Buffer.concat([head, content]);
  };
  const list = extensions.map((one) =>
    Buffer.concat([Buffer.from('0000', 'hex'), block(2, Buffer.from(one, 'hex'))]),
  );
  const body = Buffer.concat([
    Buffer.from('0303', 'hex'),
    Buffer.alloc(32),
    block(1, Buffer.alloc(0)),
    block(2, Buffer.from('1301', 'hex')),
    block(1, Buffer.from('00', 'hex')),
    block(2, Buffer.concat(list)),
  ]);
  return Buffer.concat([
    Buffer.from('160301', 'hex'),
    block(2, Buffer.concat([Buffer.from('01', 'hex'), block(3, body)])),
  ]);
}

test('names that are ambiguous are not taken', () => {
  assert.equal(readTlsHello(withNames('0004' + '00' + '0001' + '61')), {
    kind: 'hello',
    name: 'a',
  });
  for (const [what, ...extensions] of [
    ['two lists', '0004' + '00' + '0001' + '61', '0004' + '00' + '0001' + '62'],
    ['two names', '0008' + '00' + '0001' + '61' + '00' + '0001' + '62'],
    ['another type of name', '0004' + '01' + '0001' + '61'],
    ['an empty name', '0003' + '00' + '0000'],
    ['a name with NUL', '0005' + '00' + '0002' + '6100'],
    ['a list that is too long', '0009' + '00' + '0001' + '61'],
  ] as const) {
    assert.is(readTlsHello(withNames(...extensions)).kind, 'other', what);
  }
  for (const bytes of [
    'GET / HTTP/1.1',
    '\x16\x02',
    '\x15\x03\x01\x00\x02',
    '\x16\x03\x01\x00\x00',
    '\x16\x03\x01\x00\x04\x02\x00\x00\x00',
  ]) {
    assert.is(readTlsHello(Buffer.from(bytes, 'latin1')).kind, 'other', JSON.stringify(bytes));
  }
  const endless = Buffer.from('160301400001ffffff', 'hex');
  assert.is(readTlsHello(endless).kind, 'other');
});

test.run();
