// Rounds, errors and flags of the benchmark, without a mesh.

import * as assert from 'uvu/assert';
import type { Measurement, Sample } from '../../bench/measurement.ts';
import { readOptions } from '../../bench/options.ts';
import { errorsIn, number, resultLines } from '../../bench/report.ts';
import { runMeasurement } from '../../bench/run-measurement.ts';
import { missingTools, missingToolText } from '../../bench/stage/tools.ts';
import { suite } from '../support/suite.ts';

const test = suite('bench run');

function aMeasurement(
  name: string,
  look: (path: string, round: number | undefined) => Sample,
  onEnd: () => void = () => {},
): Measurement {
  return {
    name,
    summary: 'a test',
    metrics: [{ name: 'rate', unit: '/s', better: 'higher' }],
    paths: ['direct', 'mesh'],
    tools: [],
    needsMesh: false,
    warmUp: true,
    prepare: () =>
      Promise.resolve({
        paths: ['direct', 'mesh'],
        sample: (path, { round }) => Promise.resolve(look(path, round)),
        [Symbol.asyncDispose]: () => Promise.resolve(onEnd()),
      }),
  };
}

const plan = { rounds: 3, seconds: 1, say: () => {}, signal: new AbortController().signal };

test('rounds are interleaved in a turning order, and the warm-up counts for nothing', async () => {
  const seen: string[] = [];
  const measurement = aMeasurement('m', (path, round) => {
    seen.push(`${round ?? 'warm'} ${path}`);
    const rate = path === 'direct' ? 100 : 25;
    return { figures: { rate: round === undefined ? 1e9 : rate }, errors: 0 };
  });
  const result = await runMeasurement(measurement, undefined, plan);
  assert.equal(seen, [
    'warm direct',
    'warm mesh',
    '0 direct',
    '0 mesh',
    '1 mesh',
    '1 direct',
    '2 direct',
    '2 mesh',
  ]);
  assert.ok(result.kind === 'measured');
  const [direct, mesh] = result.figures;
  assert.equal(direct?.values, [100, 100, 100]);
  assert.is(direct?.ratio, undefined);
  assert.is(mesh?.ratio?.median, 0.25);
});

test('a look that fails is an error of its path, and the other paths go on', async () => {
  let ended = false;
  const measurement = aMeasurement(
    'm',
    (path) => {
      if (path === 'mesh') throw new Error('connection reset');
      return { figures: { rate: 100 }, errors: 0 };
    },
    () => (ended = true),
  );
  const result = await runMeasurement(measurement, undefined, plan);
  assert.is(errorsIn([result]), 3);
  assert.ok(ended, 'what was prepared is cleared up');
  const lines = resultLines(result, measurement).join('\n');
  assert.match(lines, 'AMB1831 mesh: 3');
  assert.match(lines, 'connection reset');
  assert.match(lines, 'direct');
});

test('a preparation that fails is an error too, not an empty success', async () => {
  const measurement: Measurement = {
    ...aMeasurement('m', () => ({ figures: {}, errors: 0 })),
    prepare: () => Promise.reject(new Error('no way there')),
  };
  assert.is(errorsIn([await runMeasurement(measurement, undefined, plan)]), 1);
});

test('an interruption ends the run and clears up', async () => {
  const abort = new AbortController();
  let ended = false;
  const measurement = aMeasurement(
    'm',
    () => {
      abort.abort(new Error('ended by SIGINT'));
      return { figures: {}, errors: 0 };
    },
    () => (ended = true),
  );
  try {
    await runMeasurement(measurement, undefined, { ...plan, signal: abort.signal });
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), 'ended by SIGINT');
  }
  assert.ok(ended);
});

test('a word chooses a measurement or the beginning of several', () => {
  const table = ['bulk-1', 'bulk-8', 'bulky', 'rate'].map((name) =>
    aMeasurement(name, () => ({ figures: {}, errors: 0 })),
  );
  const names = (args: readonly string[]): readonly string[] =>
    readOptions(args, table).chosen.map(({ name }) => name);
  assert.equal(names([]), ['bulk-1', 'bulk-8', 'bulky', 'rate']);
  assert.equal(names(['bulk']), ['bulk-1', 'bulk-8']);
  assert.equal(names(['rate', 'bulk-8']), ['bulk-8', 'rate']);
});

test('flags and words that are not understood are refused with a code and their name', () => {
  const table = [aMeasurement('rate', () => ({ figures: {}, errors: 0 }))];
  for (const args of [
    ['ratte'],
    ['--rounds', '0'],
    ['--rounds', '1e3'],
    ['--seconds', 'two'],
    ['--proxy', 'envoy=x'],
    ['--fast'],
  ]) {
    assert.throws(
      () => readOptions(args, table),
      (error: Error) =>
        error.message.startsWith('AMB1801 ') && error.message.includes(args[0] ?? ''),
      args.join(' '),
    );
  }
});

test('a program that is not there is named with its package', () => {
  assert.equal(missingTools(['h2load', 'wrk'], ''), ['h2load', 'wrk']);
  const text = missingToolText(['h2load', 'wrk']);
  assert.match(text, /^AMB1002 .*apt-get install nghttp2-client wrk$/);
});

test('numbers are printed with the digits that count', () => {
  assert.equal([31_042.17, 0.352, 17.5, 0, 0.00123].map(number), [
    '31042',
    '0.352',
    '17.5',
    '0',
    '0.00123',
  ]);
});

test.run();
