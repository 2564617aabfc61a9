import * as assert from 'uvu/assert';
import { parseSegment, type Segment } from '../../src/linux/frames.ts';
import { maxFlows, NeedleScan } from '../../src/linux/needle-scan.ts';
import { suite } from '../support/suite.ts';

const test = suite('captured packets');

function tcpHeader(sequence: number, options = 0): Buffer {
  const header = Buffer.alloc(20 + options);
  header.writeUInt16BE(40_000, 0);
  header.writeUInt16BE(80, 2);
  header.writeUInt32BE(sequence, 4);
  header[12] = ((20 + options) / 4) << 4;
  return header;
}

function ipv4(protocol: number, body: Buffer, offset = 0): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + body.length, 2);
  header.writeUInt16BE(offset, 6);
  header[9] = protocol;
  return Buffer.concat([header, body]);
}

function ipv6(protocol: number, body: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(body.length, 4);
  header[6] = protocol;
  return Buffer.concat([header, body]);
}

const payload = Buffer.from('payload');

test('finds the payload of TCP and UDP over both families', () => {
  const tcp = Buffer.concat([tcpHeader(7, 12), payload]);
  const udp = Buffer.concat([Buffer.alloc(8), payload]);
  for (const [packet, protocol] of [
    [ipv4(6, tcp), 'tcp'],
    [ipv6(6, tcp), 'tcp'],
    [ipv4(17, udp), 'udp'],
    [ipv6(17, udp), 'udp'],
  ] as const) {
    const segment = parseSegment(packet);
    assert.is(segment?.protocol, protocol);
    assert.is(String(segment?.payload), 'payload');
    assert.is(segment?.sequence, protocol === 'tcp' ? 7 : 0);
  }
});

test('leaves out what the link padded and follows IPv6 extension headers', () => {
  const tcp = Buffer.concat([tcpHeader(7), payload]);
  const padded = Buffer.concat([ipv4(6, tcp), Buffer.alloc(6)]);
  assert.is(String(parseSegment(padded)?.payload), 'payload');
  const extension = Buffer.from([6, 0, 0, 0, 0, 0, 0, 0]);
  const extended = ipv6(0, Buffer.concat([extension, tcp]));
  assert.is(String(parseSegment(extended)?.payload), 'payload');
});

test('sees nothing in later fragments, other protocols and broken packets', () => {
  const tcp = Buffer.concat([tcpHeader(7), payload]);
  assert.is(parseSegment(ipv4(6, tcp, 5)), undefined);
  assert.is(parseSegment(ipv4(1, tcp)), undefined);
  assert.is(parseSegment(Buffer.alloc(0)), undefined);
  for (const whole of [ipv4(6, tcp), ipv6(6, tcp), ipv6(0, tcp), ipv4(17, tcp)]) {
    for (let length = 0; length < whole.length; length++) {
      const found = parseSegment(whole.subarray(0, length));
      assert.ok(found === undefined || found.payload.length <= payload.length + 20);
    }
  }
});

const segment = (sequence: number, text: string, flow = 'a'): Segment => ({
  protocol: 'tcp',
  flow,
  sequence,
  payload: Buffer.from(text),
});

function scanOf(needles: readonly string[], segments: readonly Segment[]): Record<string, number> {
  const scan = new NeedleScan();
  scan.add(needles);
  for (const one of segments) scan.scan(one);
  return Object.fromEntries(scan.counts);
}

test('counts strings within segments and across their borders, once each', () => {
  const found = scanOf(
    ['secret', 'e', ''],
    [segment(0, 'secret sec'), segment(10, 'r'), segment(11, 'et secret'), segment(20, 'x')],
  );
  assert.equal(found, { secret: 3, e: 6 });
});

test('does not join what does not follow, nor other flows', () => {
  assert.equal(scanOf(['secret'], [segment(0, 'sec'), segment(4, 'ret')]), { secret: 0 });
  assert.equal(scanOf(['secret'], [segment(0, 'sec'), segment(3, 'ret', 'b')]), { secret: 0 });
});

test('counts a retransmission once, also where sequence numbers wrap', () => {
  const wrap = 0xffff_fffc;
  assert.equal(
    scanOf(
      ['secret'],
      [segment(wrap, 'a secret'), segment(wrap, 'a secret'), segment(4, ' secret')],
    ),
    { secret: 2 },
  );
});

test('forgets the flows not seen for longest', () => {
  const scan = new NeedleScan();
  scan.add(['secret']);
  for (let flow = 0; flow <= maxFlows; flow++) scan.scan(segment(0, 'sec', String(flow)));
  scan.scan(segment(3, 'ret', '0'));
  assert.is(scan.counts.get('secret'), 0);
  scan.scan(segment(3, 'ret', String(maxFlows)));
  assert.is(scan.counts.get('secret'), 1);
});

test.run();
