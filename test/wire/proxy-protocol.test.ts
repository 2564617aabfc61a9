import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { encodeProxyHeader, encodeProxyLine } from '../../src/wire/proxy-protocol.ts';
import { anEndpoint, anIdentity } from '../support/generated.ts';
import { ipAddress } from '../support/mesh-values.ts';
import { readProxyHeader } from '../support/proxy-protocol.ts';
import { suite } from '../support/suite.ts';
import { identity } from '../support/tunnels.ts';

const test = suite('PROXY protocol');

test('writes IPv4 with the identity as the bytes that Istio writes', () => {
  const bytes = encodeProxyHeader({
    source: { address: ipAddress('10.0.0.1'), port: 0x1234 },
    destination: { address: ipAddress('10.96.0.1'), port: 80 },
    identity: identity('a'),
  });
  const name = Buffer.from('spiffe://cluster.local/ns/default/sa/a').toString('hex');
  const expected = `0d0a0d0a000d0a515549540a2111${'0035'}0a0000010a60000112340050d00026${name}`;
  assert.is(bytes.toString('hex'), expected);
});

test('leaves the identity out where none was proved', () => {
  const end = { address: ipAddress('fd00::1'), port: 1 };
  const bytes = encodeProxyHeader({ source: end, destination: end });
  assert.is(bytes.length, 16 + 36);
  assert.is(bytes[13], 0x21);
});

test('is read back whole, whatever the addresses and families', () => {
  fc.assert(
    fc.property(
      anEndpoint,
      anEndpoint,
      fc.option(anIdentity, { nil: undefined }),
      (source, destination, proved) => {
        const bytes = encodeProxyHeader({
          source,
          destination,
          ...(proved && { identity: proved }),
        });
        const read = readProxyHeader(Buffer.concat([bytes, Buffer.from('after')]));
        assert.equal(read?.source, source);
        assert.equal(read?.destination, destination);
        assert.is(read?.fields.get(0xd0), proved);
        assert.is(read?.length, bytes.length);
      },
    ),
  );
});

test('writes version 1 as a line, in one family', () => {
  const four = { address: ipAddress('10.0.0.1'), port: 1 };
  const six = { address: ipAddress('fd00::1'), port: 65_535 };
  const line = (source: typeof four, destination: typeof four): string =>
    encodeProxyLine({ source, destination }).toString();
  assert.is(line(four, four), 'PROXY TCP4 10.0.0.1 10.0.0.1 1 1\r\n');
  assert.is(line(six, six), 'PROXY TCP6 fd00::1 fd00::1 65535 65535\r\n');
  assert.is(line(four, six), 'PROXY TCP6 ::ffff:10.0.0.1 fd00::1 1 65535\r\n');
});

test.run();
