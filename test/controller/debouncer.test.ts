import * as assert from 'uvu/assert';
import { Debouncer } from '../../src/controller/debouncer.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { suite } from '../support/suite.ts';

const test = suite('gathering changes');

/** A clock that moves only when told, and then wakes who waited long enough. */
class HandClock implements Clock {
  #now = 0;
  #waiting: { due: number; wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  wait(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.#waiting.push({ due: this.#now + ms, wake });
    });
  }

  async advance(ms: number): Promise<void> {
    this.#now += ms;
    const due = this.#waiting.filter((one) => one.due <= this.#now);
    this.#waiting = this.#waiting.filter((one) => one.due > this.#now);
    for (const { wake } of due) wake();
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

test('many changes lead to one run, once it is quiet', async () => {
  const clock = new HandClock();
  let runs = 0;
  const debouncer = new Debouncer({ quietMs: 5, maxMs: 100 }, clock, () => {
    runs++;
  });
  for (let count = 0; count < 4; count++) {
    debouncer.changed();
    await clock.advance(3);
  }
  assert.is(runs, 0);
  await clock.advance(5);
  assert.is(runs, 1);
  await clock.advance(500);
  assert.is(runs, 1);
});

test('changes that never stop do not hold a run back for longer than the limit', async () => {
  const clock = new HandClock();
  let runs = 0;
  const debouncer = new Debouncer({ quietMs: 5, maxMs: 20 }, clock, () => {
    runs++;
  });
  for (let count = 0; count < 30; count++) {
    debouncer.changed();
    await clock.advance(2);
  }
  assert.ok(runs >= 2);
});

test('a change during a run leads to another', async () => {
  const clock = new HandClock();
  let runs = 0;
  let finish = (): void => {};
  const debouncer = new Debouncer({ quietMs: 5, maxMs: 20 }, clock, async () => {
    runs++;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
  });
  debouncer.changed();
  await clock.advance(5);
  debouncer.changed();
  finish();
  await clock.advance(0);
  await clock.advance(5);
  assert.is(runs, 2);
  finish();
});

test.run();
