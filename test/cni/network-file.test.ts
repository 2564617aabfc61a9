import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  copyWithEntry,
  hasEntry,
  isCopy,
  type NetworkFile,
  type PluginEntry,
  readNetworkFile,
  withEntry,
  withoutEntry,
} from '../../src/cni/install/network-file.ts';
import { suite } from '../support/suite.ts';

const test = suite('network configuration');

const entry: PluginEntry = {
  type: 'ambit-cni',
  cni_agent_run_dir: '/run/x',
  pod_namespace: 'mesh',
};

/** Reads a file that is valid. */
function read(text: string, name = '10-net.conflist'): NetworkFile {
  const file = readNetworkFile({ name, text });
  if (typeof file === 'string') throw new Error(file);
  return file;
}

const again = ({ name, text }: { name: string; text: string }): NetworkFile => read(text, name);

/** Lists as people and programs write them: any further keys, any blanks. */
const list = fc
  .record({
    extra: fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }),
    plugins: fc.array(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }), {
      minLength: 1,
      maxLength: 4,
    }),
    indent: fc.constantFrom(0, 1, 2, '\t', ' \r\n'),
    around: fc.constantFrom('', '\n', '  \n\t'),
  })
  .map(({ extra, plugins, indent, around }) => {
    const typed = plugins.map((plugin, index) => ({ ...plugin, type: `plugin-${index}` }));
    const known = { ...extra, name: 'net', plugins: typed };
    const text = JSON.stringify(known, null, indent === ' \r\n' ? 3 : indent);
    return around + (indent === ' \r\n' ? text.replaceAll('\n', '\r\n') : text) + around;
  });

test('our entry comes last, and its removal gives the file back, character by character', () => {
  fc.assert(
    fc.property(list, (text) => {
      const file = read(text);
      const written = again(withEntry(file, entry));
      assert.equal(written.types, [...file.types, 'ambit-cni']);
      assert.ok(hasEntry(written, entry));
      const before = JSON.parse(text) as { plugins: object[] };
      const after = JSON.parse(written.text) as object;
      assert.equal(after, { ...before, plugins: [...before.plugins, entry] });
      assert.is(withoutEntry(written)?.text, text);
    }),
  );
});

test('putting it in twice, or in the place of an older one, is putting it in once', () => {
  const older = { ...entry, pod_namespace: 'before' };
  fc.assert(
    fc.property(list, (text) => {
      const once = withEntry(read(text), entry);
      assert.is(withEntry(again(once), entry).text, once.text);
      const replaced = withEntry(again(withEntry(read(text), older)), entry);
      assert.is(replaced.text, once.text);
      assert.not(hasEntry(again(withEntry(read(text), older)), entry));
    }),
  );
});

test('no text makes the reader fail, whatever it is', () => {
  const almost = list.chain((text) =>
    fc.nat({ max: text.length }).map((at) => `${text.slice(0, at)}${text.slice(at + 1)}`),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), almost, fc.json()), (text) => {
      for (const name of ['a.conflist', 'a.conf', 'a.json']) {
        const file = readNetworkFile({ name, text });
        if (typeof file !== 'string') assert.ok(hasEntry(again(withEntry(file, entry)), entry));
      }
    }),
  );
});

test('what others wrote keeps its numbers, escapes and repeated keys', () => {
  const text =
    '{ "name":"x","cniVersion" : "0.4.0","big":12345678901234567890,"plugins":[],' +
    '"plugins": [ {"type":"calico", "mtu":1.50e3 ,"odd":"\\u0041\\"]"} ] }';
  const { text: written } = withEntry(read(text), entry);
  assert.ok(written.includes('"big":12345678901234567890'));
  assert.ok(written.includes('{"type":"calico", "mtu":1.50e3 ,"odd":"\\u0041\\"]"}'));
  assert.is(withoutEntry(read(written))?.text, text);
});

test('our entry is moved to the end when another was put after it', () => {
  const text = `{"name":"x","plugins":[{"type":"bridge"},{"type":"ambit-cni"},{"type":"tuning"}]}`;
  const file = read(text);
  assert.not(hasEntry(file, entry));
  assert.equal(again(withEntry(file, entry)).types, ['bridge', 'tuning', 'ambit-cni']);
  const first = read(`{"name":"x","plugins":[ {"type":"ambit-cni"}, {"type":"bridge"} ]}`);
  assert.is(withoutEntry(first)?.text, `{"name":"x","plugins":[ {"type":"bridge"} ]}`);
});

test("a single plugin's file becomes a list of its name, and later itself again", () => {
  const text =
    '{\n  "name": "mynet",\n  "cniVersion": "0.4.0",\n  "type": "bridge", "mtu": 1e3\n}\n';
  const file = read(text, '10-old.conf');
  const written = again(withEntry(file, entry));
  assert.is(written.name, '10-old.conflist');
  assert.equal(written.types, ['bridge', 'ambit-cni']);
  const { name, cniVersion } = JSON.parse(written.text) as Record<string, unknown>;
  assert.equal([name, cniVersion], ['mynet', '0.4.0']);
  assert.equal(withoutEntry(written), { name: '10-old.conf', text });
  const bare = again(withEntry(read('{"type":"ptp"}', 'a.json'), entry));
  const usual = JSON.parse(bare.text) as Record<string, unknown>;
  assert.equal(
    [bare.name, usual['name'], usual['cniVersion']],
    ['a.conflist', 'k8s-pod-network', '0.3.1'],
  );
});

test('a copy tells that it is one', () => {
  const file = read('{"name":"x","plugins":[{"type":"cilium-cni"}]}', '05-cilium.conflist');
  const copy = again(copyWithEntry(file, entry, '02-ambit-cni.conflist'));
  assert.ok(isCopy(copy));
  assert.not(isCopy(file));
  assert.equal(copy.types, ['cilium-cni', 'ambit-cni']);
});

for (const [name, text, words] of [
  ['a.conflist', '', /not JSON/],
  ['a.conflist', '[]', /not a JSON object/],
  ['a.conflist', '{"plugins":[{"type":"x"}]}', /no field name/],
  ['a.conflist', '{"name":"x","plugins":[]}', /no plugins/],
  ['a.conflist', '{"name":"x","plugins":[{"type":"x"},7]}', /no field plugins\[1\]\.type/],
  ['a.conf', '{"name":"x"}', /field type is missing/],
] as const) {
  test(`${name} with ${text === '' ? 'nothing' : text} is refused in words`, () => {
    const file = readNetworkFile({ name, text });
    assert.type(file, 'string');
    assert.match(file as string, words);
  });
}

test.run();
