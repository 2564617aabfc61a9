import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { FolderFile, PluginEntry } from '../../src/cni/install/network-file.ts';
import { type InstallPlan, planInstall, planRemoval } from '../../src/cni/install/plan-install.ts';
import { suite } from '../support/suite.ts';

const test = suite('installation plan');

const entry: PluginEntry = { type: 'ambit-cni', cni_agent_run_dir: '/run/x' };
const chained = { entry, mode: { kind: 'chained' } } as const;
const owned = { entry, mode: { kind: 'owned', fileName: '02-ambit-cni.conflist' } } as const;

const listOf = (...types: string[]): string =>
  JSON.stringify({ name: 'net', plugins: types.map((type) => ({ type })) });
const file = (name: string, ...types: string[]): FolderFile => ({ name, text: listOf(...types) });

/** The folder after a plan was carried out. */
function after(files: readonly FolderFile[], plan: InstallPlan): FolderFile[] {
  if (plan.kind !== 'change') return [...files];
  const { write, remove } = plan.change;
  const kept = files.filter(
    ({ name }) => !remove.includes(name) && !write.some((one) => one.name === name),
  );
  return [...kept, ...write];
}

/** Plans until nothing is left to do. */
function settle(
  files: readonly FolderFile[],
  wish: Parameters<typeof planInstall>[1],
): FolderFile[] {
  let folder = [...files];
  for (let round = 0; round < 4; round++) {
    const plan = planInstall(folder, wish);
    if (plan.kind !== 'change') return folder;
    folder = after(folder, plan);
  }
  throw new Error('the plan never settles');
}

const typesIn = (folder: readonly FolderFile[], name: string): string[] => {
  const text = folder.find((one) => one.name === name)?.text ?? '{"plugins":[]}';
  return (JSON.parse(text) as { plugins: { type: string }[] }).plugins.map(({ type }) => type);
};

test('the first configuration in the order of names is the one that gets the plugin', () => {
  const files = [file('20-b.conflist', 'flannel'), file('10-a.conflist', 'calico', 'portmap')];
  const plan = planInstall(files, chained);
  assert.is(plan.kind, 'change');
  assert.is(plan.kind === 'change' ? plan.reason : '', '10-a.conflist does not call the plugin');
  const folder = after(files, plan);
  assert.equal(typesIn(folder, '10-a.conflist'), ['calico', 'portmap', 'ambit-cni']);
  assert.equal(typesIn(folder, '20-b.conflist'), ['flannel']);
  assert.is(planInstall(folder, chained).kind, 'settled');
});

test('it waits while no network plugin has written its configuration', () => {
  assert.is(planInstall([], chained).kind, 'wait');
  assert.is(planInstall([{ name: 'notes.txt', text: listOf('calico') }], chained).kind, 'wait');
  assert.is(planInstall([file('10-a.conflist', 'ambit-cni')], chained).kind, 'wait');
});

test('a broken file is named and never touched, and the next one is taken', () => {
  const broken = { name: '00-broken.conflist', text: '{"name":' };
  const files = [broken, file('10-a.conflist', 'calico')];
  const plan = planInstall(files, chained);
  assert.equal(
    plan.remarks.map(({ code, file: name }) => [code, name]),
    [['AMB1322', '00-broken.conflist']],
  );
  const folder = after(files, plan);
  assert.ok(folder.includes(broken));
  assert.equal(typesIn(folder, '10-a.conflist'), ['calico', 'ambit-cni']);
});

test('another mesh in the chain is named', () => {
  const plan = planInstall([file('10-a.conflist', 'calico', 'istio-cni')], chained);
  assert.equal(
    plan.remarks.map(({ code }) => code),
    ['AMB1323'],
  );
  assert.is(plan.kind, 'change');
});

test('the plugin moves with the configuration that comes first', () => {
  const before = settle([file('20-b.conflist', 'flannel')], chained);
  const folder = settle([...before, file('10-a.conflist', 'calico')], chained);
  assert.equal(typesIn(folder, '10-a.conflist'), ['calico', 'ambit-cni']);
  assert.equal(typesIn(folder, '20-b.conflist'), ['flannel']);
});

test('a file of our own is a copy that comes first, and follows the original', () => {
  const folder = settle([file('05-cilium.conflist', 'cilium-cni')], owned);
  assert.equal(typesIn(folder, '05-cilium.conflist'), ['cilium-cni']);
  assert.equal(typesIn(folder, '02-ambit-cni.conflist'), ['cilium-cni', 'ambit-cni']);
  const [, copy] = folder.toSorted((a, b) => (a.name < b.name ? 1 : -1));
  const changed = [file('05-cilium.conflist', 'cilium-cni', 'portmap'), copy as FolderFile];
  const follows = settle(changed, owned);
  assert.equal(typesIn(follows, '02-ambit-cni.conflist'), ['cilium-cni', 'portmap', 'ambit-cni']);
});

test('a file of our own that does not come first is told', () => {
  const plan = planInstall([file('00-multus.conflist', 'multus')], owned);
  assert.equal(
    plan.remarks.map(({ code }) => code),
    ['AMB1324'],
  );
});

test('changing between the two ways leaves nothing of the other', () => {
  const first = settle([file('05-a.conflist', 'calico')], chained);
  const second = settle(first, owned);
  assert.equal(typesIn(second, '05-a.conflist'), ['calico']);
  const third = settle(second, chained);
  assert.equal(third, first);
});

const types = fc.array(fc.constantFrom('calico', 'portmap', 'bridge', 'istio-cni'), {
  minLength: 1,
  maxLength: 3,
});
const folders = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom(
        '00-x.conf',
        '05-a.conflist',
        '10-b.conflist',
        '20-c.json',
        '9.conflist',
      ),
      types,
      broken: fc.boolean(),
    }),
    { selector: ({ name }) => name.split('.')[0], maxLength: 4 },
  )
  .map((list) =>
    list.map(({ name, types: chosen, broken }): FolderFile => {
      if (broken) return { name, text: '{' };
      const single = `{"type": "${chosen[0]}",  "name":"n"}\n`;
      return { name, text: name.endsWith('.conflist') ? listOf(...chosen) : single };
    }),
  );

test('whatever is in a folder: it settles, and removal gives every file back', () => {
  const order = (list: readonly FolderFile[]): FolderFile[] =>
    list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  fc.assert(
    fc.property(folders, fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }), (files, modes) => {
      let folder: readonly FolderFile[] = files;
      for (const mode of modes) folder = settle(folder, mode ? chained : owned);
      const removal = planRemoval(folder);
      const plan = { kind: 'change', change: removal } as InstallPlan;
      assert.equal(order(after(folder, plan)), order(files));
      assert.equal(planRemoval(files), { write: [], remove: [] });
    }),
  );
});

test.run();
