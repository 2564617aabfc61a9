import * as assert from 'uvu/assert';
import { WorkQueue } from '../../src/cni/agent/work-queue.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('work queue');

test('does failed work again until it succeeds', async ({ stack }) => {
  let left = 3;
  const failures: unknown[] = [];
  const queue = stack.use(
    new WorkQueue({
      work: async () => {
        if (left-- > 0) throw new Error(`${left} left`);
      },
      onFailure: (key, error) => failures.push(`${key}: ${(error as Error).message}`),
      clock: systemClock,
    }),
  );
  queue.request('pod');
  await queue.idle();
  assert.equal(failures, ['pod: 2 left', 'pod: 1 left', 'pod: 0 left']);
});

test('works on one key once at a time, and once more when asked meanwhile', async ({ stack }) => {
  const gate = Promise.withResolvers<void>();
  const story: string[] = [];
  const queue = stack.use(
    new WorkQueue({
      work: async (key) => {
        story.push(`begin ${key}`);
        await gate.promise;
        story.push(`end ${key}`);
      },
      onFailure: () => undefined,
      clock: systemClock,
    }),
  );
  queue.request('a');
  queue.request('a');
  queue.request('b');
  await Promise.resolve();
  queue.request('a');
  queue.request('a');
  const other = queue.exclusive('a', async () => {
    story.push('other a');
  });
  gate.resolve();
  await other;
  await queue.idle();
  assert.equal(story, ['begin a', 'begin b', 'end a', 'end b', 'other a', 'begin a', 'end a']);
});

test('ends without doing what failed once more', async () => {
  let attempts = 0;
  const tried = Promise.withResolvers<void>();
  const queue = new WorkQueue({
    work: async () => {
      attempts++;
      throw new Error('never');
    },
    onFailure: () => tried.resolve(),
    clock: { ...systemClock, wait: async (_ms, signal) => await systemClock.wait(60_000, signal) },
  });
  queue.request('pod');
  await tried.promise;
  await queue[Symbol.asyncDispose]();
  assert.is(attempts, 1);
});

test.run();
