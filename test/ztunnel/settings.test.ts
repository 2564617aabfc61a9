import * as assert from 'uvu/assert';
import { readSettings } from '../../src/runtime/settings.ts';
import { drainDeadlineMs, settingsTable } from '../../src/ztunnel/settings.ts';
import { suite } from '../support/suite.ts';

const test = suite('settings of the node proxy');
const minimal = { NODE_NAME: 'node1', POD_NAME: 'ztunnel-x' };

const deadlines: readonly (readonly [string, Record<string, string>, number])[] = [
  ['five seconds less than the grace period', {}, 25_000],
  ['one second less than a short grace period', { TERMINATION_GRACE_PERIOD_SECONDS: '5' }, 4_000],
  ['what is set', { CONNECTION_TERMINATION_DEADLINE: '90s' }, 90_000],
  ['parts of a second', { CONNECTION_TERMINATION_DEADLINE: '250ms' }, 250],
  ['as long as a timer can wait', { CONNECTION_TERMINATION_DEADLINE: 'none' }, 2_147_483_647],
];

for (const [what, env, expected] of deadlines) {
  test(`gives open connections ${what}`, () => {
    assert.is(drainDeadlineMs(readSettings(settingsTable, { ...minimal, ...env })), expected);
  });
}

test('refuses a deadline that is no duration', () => {
  for (const value of ['5', 'soon', '0s', '-1s', '9999h']) {
    const env = { ...minimal, CONNECTION_TERMINATION_DEADLINE: value };
    assert.throws(() => readSettings(settingsTable, env), /CONNECTION_TERMINATION_DEADLINE/);
  }
});

test.run();
