import * as assert from 'uvu/assert';
import { unredirected } from '../../src/cni/redirect/old-connections.ts';
import { parseConnection, type TcpConnection } from '../../src/linux/connections.ts';
import { suite } from '../support/suite.ts';
import { probeAddresses } from './pod-network.ts';

const test = suite('connections past the proxy');

const settings = {
  ipv6: true,
  captureDns: false,
  bypassInbound: false,
  virtualInterfaces: [],
  probeAddresses,
};

/** As ss of Debian's iproute2 6.1 prints them. */
const line = (local: string, remote: string, mark?: string, state = 'ESTAB'): string =>
  `${state} 0      0      ${local}  ${remote} ino:18 sk:11aa ${mark === undefined ? '' : `fwmark:${mark} `}cgroup:unreachable:1 <->`;

const ends = (lines: readonly string[], changes = {}, listening: readonly number[] = []) =>
  unredirected(
    lines.flatMap((text): TcpConnection[] =>
      [parseConnection(text)].filter((one) => one !== undefined),
    ),
    { ...settings, ...changes },
    new Set(listening),
  ).map(({ local, remote }) => `${local} ${remote}`);

const pod = '10.0.0.2';
const peer = '10.0.0.3';

test('reads marks, mapped and link-local addresses, and what only waits for late packets', () => {
  assert.equal(parseConnection(line('127.0.0.1:59500', '127.0.0.1:1234', '0x539')), {
    local: '127.0.0.1:59500',
    remote: '127.0.0.1:1234',
    mark: 0x539,
    over: false,
  });
  const odd = line('[fe80::1%eth0]:80', '[fe80::2%eth0]:9', undefined, 'TIME-WAIT');
  assert.equal(parseConnection(odd), {
    local: '[fe80::1]:80',
    remote: '[fe80::2]:9',
    mark: 0,
    over: true,
  });
  assert.is(parseConnection(''), undefined);
});

test('an outbound connection without an end of the proxy is past it, one with is not', () => {
  const through = [
    line(`${pod}:1000`, '10.96.0.5:80'),
    line('[::ffff:127.0.0.1]:15001', `[::ffff:${pod}]:1000`, '0x539'),
    line(`${pod}:2000`, `${peer}:15008`, '0x539'),
  ];
  assert.equal(ends([...through, line(`${pod}:1001`, '10.96.0.5:80')]), [
    `${pod}:1001 10.96.0.5:80`,
  ]);
});

test('an inbound connection is carried when the proxy speaks in the name of its client', () => {
  const through = [
    line(`[::ffff:${pod}]:8080`, `[::ffff:${peer}]:5000`),
    line(`${peer}:5000`, `${pod}:8080`, '0x539'),
    line(`[::ffff:${pod}]:15006`, `[::ffff:${peer}]:4000`, '0x539'),
  ];
  const old = line(`[::ffff:${pod}]:8080`, `[::ffff:${peer}]:4001`, undefined, 'SYN-RECV');
  assert.equal(ends([...through, old]), [`[::ffff:${pod}]:8080 [::ffff:${peer}]:4001`]);
});

test('leaves alone what never goes through the proxy', () => {
  const probe = line(`${pod}:8080`, `${probeAddresses.ipv4}:4000`);
  const within = [line('127.0.0.1:1', '127.0.0.2:2'), line('127.0.0.2:2', '127.0.0.1:1')];
  const over = line(`${pod}:1`, `${peer}:2`, undefined, 'TIME-WAIT');
  assert.equal(ends([probe, ...within, over, line(`${pod}:1`, `${pod}:2`)]), []);
  const v6 = line('[fd00::2]:1', '[fd00::3]:2');
  assert.is(ends([v6]).length, 1);
  assert.equal(ends([v6], { ipv6: false }), []);
  const served = line(`${pod}:8080`, `${peer}:1`);
  assert.equal(ends([served], { bypassInbound: true }, [8080]), []);
  assert.is(ends([served], { bypassInbound: true }, [8081]).length, 1);
});

test.run();
