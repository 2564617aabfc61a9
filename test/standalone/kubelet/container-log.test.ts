// Container logs: what is written, how much, and how it is read back.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import * as assert from 'uvu/assert';
import { systemClock } from '../../../src/runtime/clock.ts';
import { ContainerLog, maxLogBytes } from '../../../src/standalone/kubelet/container-log.ts';
import { type LogOptions, readLog } from '../../../src/standalone/kubelet/log-reader.ts';
import { suite } from '../../support/suite.ts';

const test = suite('container log');

function fileIn(stack: AsyncDisposableStack): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-log-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'main', '0.log');
}

/** Writes chunks as a process would and waits until they are on disk. */
async function write(log: ContainerLog, chunks: readonly string[]): Promise<void> {
  const stream = new PassThrough();
  log.follow(stream, 'stdout');
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await finished(stream);
}

async function read(file: string, options: LogOptions = {}): Promise<string> {
  let text = '';
  for await (const part of readLog(file, options, systemClock, () => true)) {
    text += Buffer.from(part).toString();
  }
  return text;
}

test('writes one entry per line, whatever the chunks, and a last line without end', async ({
  stack,
}) => {
  const file = fileIn(stack);
  const log = stack.use(new ContainerLog(file, systemClock));
  await write(log, ['on', 'e\ntwo\nthr', 'ee']);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  assert.is(lines.length, 3);
  assert.match(lines[0] ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z stdout F one$/);
  assert.is(await read(file), 'one\ntwo\nthree\n');
  assert.is(await read(file, { tailLines: 1 }), 'three\n');
  assert.is(await read(file, { limitBytes: 5 }), 'one\nt');
  assert.is(await read(file, { sinceMs: Date.now() + 60_000 }), '');
  assert.match(await read(file, { timestamps: true, tailLines: 1 }), /^\d{4}-.* three\n$/);
});

test('writes a line without end in parts, and reads it as one', async ({ stack }) => {
  const file = fileIn(stack);
  const log = stack.use(new ContainerLog(file, systemClock));
  const long = 'x'.repeat(50_000);
  await write(log, [long, '\nnext\n']);
  assert.match(readFileSync(file, 'utf8'), / stdout P x/);
  assert.is(await read(file), `${long}\nnext\n`);
});

test('sets a full log aside once, so that it never holds more than twice its limit', async ({
  stack,
}) => {
  const file = fileIn(stack);
  const log = stack.use(new ContainerLog(file, systemClock));
  const line = `${'y'.repeat(1000)}\n`;
  const chunk = line.repeat(500);
  await write(
    log,
    Array.from({ length: 50 }, () => chunk),
  );
  assert.ok(existsSync(`${file}.1`));
  assert.ok(statSync(file).size <= maxLogBytes);
  assert.ok(statSync(`${file}.1`).size <= maxLogBytes);
  assert.is(await read(file, { tailLines: 2 }), line.repeat(2));
});

test('follows a log until its container is gone', async ({ stack }) => {
  const file = fileIn(stack);
  const log = stack.use(new ContainerLog(file, systemClock));
  await write(log, ['before\n']);
  let over = false;
  const seen: string[] = [];
  for await (const part of readLog(file, { follow: true }, systemClock, () => over)) {
    const text = Buffer.from(part).toString();
    seen.push(text);
    if (text === 'before\n') await write(log, ['after\n']);
    if (text === 'after\n') over = true;
  }
  assert.equal(seen, ['before\n', 'after\n']);
});

test('stops following when the reader goes away', async ({ stack }) => {
  const file = fileIn(stack);
  stack.use(new ContainerLog(file, systemClock));
  const gone = new AbortController();
  const options = { follow: true, signal: gone.signal };
  const reading = readLog(file, options, systemClock, () => false).next();
  gone.abort();
  assert.is((await reading).done, true);
});

test.run();
