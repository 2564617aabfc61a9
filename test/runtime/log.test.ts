// What processes write to standard output.

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

const test = suite('log lines');

test('are JSON objects whose scope is the process, or the part where it has a name of its own', async () => {
  const module = path.resolve(import.meta.dirname, '../../src/runtime/log.ts');
  const script = `
    import { createLogger } from ${JSON.stringify(module)};
    const log = createLogger('ztunnel', 'info');
    log.info({ port: 1 }, 'started');
    log.child({ target: 'access' }).info({ 'src.addr': '10.0.0.1:1' }, 'connection complete');
    log.child({ part: 'api' }).debug({}, 'not written');
    log.setLevel('warn', 'access');
    log.child({ target: 'access' }).warn({}, 'new parts have the level of the process');
  `;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    script,
  ]);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(
    lines.map(({ level, scope, message }) => [level, scope, message]),
    [
      ['info', 'ztunnel', 'started'],
      ['info', 'access', 'connection complete'],
      ['warn', 'access', 'new parts have the level of the process'],
    ],
  );
  const access = Object.keys(lines[1] ?? {});
  assert.equal(access, ['level', 'time', 'scope', 'src.addr', 'message']);
});

test.run();
