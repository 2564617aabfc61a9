import * as assert from 'uvu/assert';
import { systemClock } from '../../src/runtime/clock.ts';
import { WorkQueue } from '../../src/standalone/work-queue.ts';
import { suite } from '../support/suite.ts';

const test = suite('work queue');

const backoff = { firstMs: 1, maxMs: 2, jitter: 0 };

test('takes together what is added before its turn', async ({ stack }) => {
  const worked: string[] = [];
  const queue = stack.use(
    new WorkQueue({
      work: async (key) => void worked.push(key),
      onFailure: () => undefined,
      clock: systemClock,
    }),
  );
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
  await queue.idle();
  assert.equal(worked, ['a', 'b']);
});

test('gives another turn to what is added during its turn, and never two at once', async ({
  stack,
}) => {
  let running = 0;
  let turns = 0;
  const queue: WorkQueue = stack.use(
    new WorkQueue({
      work: async (key) => {
        assert.is(++running, 1);
        if (++turns < 3) queue.add(key);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      },
      onFailure: (_, error) => assert.unreachable(String(error)),
      clock: systemClock,
    }),
  );
  queue.add('a');
  await queue.idle();
  assert.is(turns, 3);
});

test('tries again what fails, and lets others go on meanwhile', async ({ stack }) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const worked: string[] = [];
  const failures: string[] = [];
  const queue = stack.use(
    new WorkQueue({
      work: async (key) => {
        worked.push(key);
        if (key === 'bad' && failures.length < 2) throw new Error('not yet');
        if (key === 'bad') resolve();
      },
      onFailure: (key) => failures.push(key),
      clock: systemClock,
      backoff,
    }),
  );
  queue.add('bad');
  queue.add('good');
  await promise;
  assert.equal(worked, ['bad', 'good', 'bad', 'bad']);
  assert.equal(failures, ['bad', 'bad']);
});

test('does nothing more once it is disposed', async () => {
  const worked: string[] = [];
  const queue = new WorkQueue({
    work: async (key) => void worked.push(key),
    onFailure: () => undefined,
    clock: systemClock,
  });
  queue.add('a');
  queue.addAfter('b', 1);
  await queue[Symbol.asyncDispose]();
  queue.add('c');
  await systemClock.wait(5);
  assert.equal(worked, []);
});

test.run();
