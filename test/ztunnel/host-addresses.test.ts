import * as assert from 'uvu/assert';
import type { Clock } from '../../src/runtime/clock.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { AmbitError } from '../../src/runtime/errors.ts';
import { parseName } from '../../src/wire/dns/name.ts';
import { HostAddresses } from '../../src/ztunnel/proxy/host-addresses.ts';
import { aWorkload, ipAddress } from '../support/mesh-values.ts';
import { startZone, type Zone } from '../support/name-zone.ts';
import { suite } from '../support/suite.ts';

const test = suite('addresses of host names');

const over4 = { workload: aWorkload('a'), source: { address: ipAddress('10.0.0.1'), port: 1 } };
const over6 = { workload: aWorkload('a'), source: { address: ipAddress('fd00::1'), port: 1 } };

/** Time stands still until it is moved. */
function handClock(): Clock & { nowMs: number } {
  const clock = { ...systemClock, nowMs: 0, monotonic: () => clock.nowMs };
  return clock;
}

function hostsAt(
  lookup: { nameServers: () => Promise<readonly { address: string; port: number }[]> },
  changes: { readonly clock?: Clock; readonly ipv6?: boolean; readonly maxNames?: number } = {},
): HostAddresses {
  const { clock = systemClock, ipv6 = true, ...more } = changes;
  return new HostAddresses({
    lookup: { nameServers: lookup.nameServers, ipv6 },
    count: () => undefined,
    clock,
    random: () => 0,
    ...more,
  });
}

const both: Zone = {
  'db.example.': [
    [{ type: 'A', address: '192.0.2.1' }],
    [{ type: 'AAAA', address: '2001:db8::1' }],
  ],
};

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof AmbitError ? error.code : 'no code';
}

test('prefers the family of the client and takes the other where there is none', async ({
  stack,
}) => {
  const only4: Zone = { 'four.example.': [[{ type: 'A', address: '192.0.2.4' }]] };
  const hosts = hostsAt(await startZone(stack, { ...both, ...only4 }));
  assert.is(await hosts.addressOf('db.example', over4), '192.0.2.1');
  assert.is(await hosts.addressOf('db.example', over6), '2001:db8::1');
  assert.is(await hosts.addressOf('four.example', over6), '192.0.2.4');
});

test('asks once for many at a time, and again when the record has ended', async ({ stack }) => {
  const clock = handClock();
  const zone = await startZone(stack, both);
  const hosts = hostsAt(zone, { clock, ipv6: false });
  await Promise.all(Array.from({ length: 20 }, () => hosts.addressOf('DB.example', over4)));
  clock.nowMs = 59_000;
  await hosts.addressOf('db.example', over4);
  assert.equal(zone.asked, ['db.example.A']);
  clock.nowMs = 61_000;
  await hosts.addressOf('db.example', over4);
  assert.is(zone.asked.length, 2);
});

test('follows an alias, and believes no record that was not asked for', async ({ stack }) => {
  const target = parseName('target.example') ?? [];
  const zone: Zone = {
    'alias.example.': [
      [{ type: 'CNAME', target }, 5],
      [{ type: 'A', address: '192.0.2.9' }, 60],
    ],
  };
  const hosts = hostsAt(await startZone(stack, zone), { ipv6: false });
  assert.is(await hosts.addressOf('alias.example', over4), '192.0.2.9');
  const other = parseName('elsewhere.example') ?? [];
  const lying: Zone = {
    'alias.example.': [
      [{ type: 'CNAME', target: other }, 5],
      [{ type: 'A', address: '192.0.2.66' }, 60],
    ],
  };
  const misled = hostsAt(await startZone(stack, lying), { ipv6: false });
  assert.is(await codeOf(misled.addressOf('alias.example', over4)), 'AMB1422');
});

test('keeps no more names than its bound', async ({ stack }) => {
  const names = ['a.example.', 'b.example.', 'c.example.'];
  const address = [[{ type: 'A', address: '192.0.2.1' }]] as const;
  const zone = await startZone(stack, Object.fromEntries(names.map((name) => [name, address])));
  const hosts = hostsAt(zone, { ipv6: false, maxNames: 2 });
  for (const name of names) await hosts.addressOf(name, over4);
  await hosts.addressOf('c.example.', over4);
  assert.is(zone.asked.length, 3);
  await hosts.addressOf('a.example.', over4);
  assert.is(zone.asked.length, 4);
});

test('has one code for every way of not finding an address, and forgets the failure', async ({
  stack,
}) => {
  const zone = await startZone(stack, { 'empty.example.': [] });
  const hosts = hostsAt(zone);
  for (const name of ['nobody.example', 'empty.example', 'not a name', '']) {
    assert.is(await codeOf(hosts.addressOf(name, over4)), 'AMB1422', name);
  }
  assert.is(await codeOf(hosts.addressOf('nobody.example', over4)), 'AMB1422');
  assert.is(zone.asked.filter((name) => name === 'nobody.example.A').length, 2);
  const alone = hostsAt({ nameServers: () => Promise.resolve([]) });
  assert.is(await codeOf(alone.addressOf('db.example', over4)), 'AMB1422');
  const deaf = hostsAt({ nameServers: () => Promise.resolve([{ address: '127.0.0.1', port: 1 }]) });
  assert.is(await codeOf(deaf.addressOf('db.example', over4)), 'AMB1422');
});

test('takes an address for its own name', async () => {
  const hosts = hostsAt({ nameServers: () => Promise.resolve([]) });
  assert.is(await hosts.addressOf('192.0.2.7', over4), '192.0.2.7');
});

test.run();
