// How the benchmark reads what others print: wrk, h2load, the kernel, its own scripts.

import * as assert from 'uvu/assert';
import { parseCalls } from '../../bench/measurements/cni-add.ts';
import { parseFigures } from '../../bench/measurements/config-load.ts';
import { parseWrk } from '../../bench/measurements/parse-wrk.ts';
import { parseH2loadLog } from '../../bench/measurements/requests.ts';
import { parseCpuTicks } from '../../bench/stage/processes.ts';
import { suite } from '../support/suite.ts';

const test = suite('bench readings');

const wrkOutput = (rest: string): string => `Running 2s test @ http://10.96.0.7:9090/
  1 threads and 64 connections
  Latency Distribution
     50%    1.50ms
     75%    2.01ms
     90%    3.20ms
     99%  980.00us
  62101 requests in 2.00s, 2.31MB read
${rest}Requests/sec:  31042.17
Transfer/sec:      1.15MB
`;

test('wrk: rate and percentiles, in milliseconds whatever the unit', () => {
  assert.equal(parseWrk(wrkOutput('')), {
    perSecond: 31_042.17,
    p50Ms: 1.5,
    p99Ms: 0.98,
    errors: 0,
    complaints: [],
  });
});

test('wrk: errors of every kind are added up and kept in its words', () => {
  const socket = 'Socket errors: connect 1, read 20, write 3, timeout 4';
  const status = 'Non-2xx or 3xx responses: 7';
  const seen = parseWrk(wrkOutput(`  ${socket}\n  ${status}\n`));
  assert.is(seen?.errors, 35);
  assert.equal(seen?.complaints, [socket, status]);
});

test('wrk: output without a rate is no figure', () => {
  assert.is(parseWrk('unable to connect to 10.96.0.7:9090 Connection refused\n'), undefined);
});

test('h2load: every answer but 200 is an error', () => {
  const log = '1700000000000000\t200\t1500\n1700000000000100\t503\t90\n1700000000000200\t-1\t5\n';
  assert.equal(parseH2loadLog(log), { times: [1.5], errors: 2 });
});

test('the kernel: CPU ticks stand behind a name that may hold brackets and spaces', () => {
  const line = '42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 170 30 0 0 20 0 11 0 5 6 7';
  assert.is(parseCpuTicks(line), 200);
});

test('CNI: calls by pod, and lines that are none are left out', () => {
  const args = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=n;K8S_POD_NAME=cni-3;K8S_POD_UID=u';
  const text = `ambit-cni 1700000000000000000 1700000000012500000 ${args}\nhalf a line\n`;
  assert.equal(parseCalls(text), [{ plugin: 'ambit-cni', pod: 'cni-3', ms: 12.5 }]);
});

test('configuration load: a figure for each line that has one', () => {
  const text = 'proxyLoadMs: 257.2\nchangeMs: median 4.1, slowest 9.9\nload average: 5.67 10.77\n';
  assert.equal(
    parseFigures(text),
    new Map([
      ['proxyLoadMs', 257.2],
      ['changeMs', 4.1],
    ]),
  );
});

test.run();
