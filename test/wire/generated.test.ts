import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { generateProto } from '../../tools/generate-proto.ts';
import { suite } from '../support/suite.ts';

const test = suite('generated messages');

function filesBelow(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return new Map(
    names
      .filter((name) => name.endsWith('.ts'))
      .toSorted()
      .map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]),
  );
}

test('are what the protos give', ({ stack }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-proto-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  generateProto(folder);
  const checkedIn = filesBelow(path.join(import.meta.dirname, '../../src/wire/gen'));
  const generated = filesBelow(folder);
  assert.ok(generated.size >= 7);
  assert.equal([...checkedIn.keys()], [...generated.keys()]);
  for (const [name, text] of generated) assert.is(checkedIn.get(name), text, name);
});

test.run();
