import * as assert from 'uvu/assert';
import { strategicallyMerged } from '../../src/controller/strategic-merge.ts';
import { suite } from '../support/suite.ts';

const test = suite('strategic merge of overrides');

const pod = {
  spec: {
    containers: [
      {
        name: 'a',
        image: 'i',
        env: [
          { name: 'X', value: '1' },
          { name: 'Y', value: '2' },
        ],
      },
      { name: 'b', image: 'j' },
    ],
    tolerations: [{ key: 'old' }],
  },
};

test('merges maps and lists with keys, and replaces other lists', () => {
  const merged = strategicallyMerged(pod, {
    spec: {
      containers: [
        {
          name: 'a',
          env: [
            { name: 'Y', value: '3' },
            { name: 'Z', value: '4' },
          ],
        },
      ],
      tolerations: [{ key: 'new' }],
    },
  });
  assert.equal(merged, {
    spec: {
      containers: [
        {
          name: 'a',
          image: 'i',
          env: [
            { name: 'X', value: '1' },
            { name: 'Y', value: '3' },
            { name: 'Z', value: '4' },
          ],
        },
        { name: 'b', image: 'j' },
      ],
      tolerations: [{ key: 'new' }],
    },
  });
});

test('removes by null and by $patch, and replaces by $patch', () => {
  assert.equal(
    strategicallyMerged({ a: 1, b: { c: 2 } }, { a: null, b: { $patch: 'replace', d: 3 } }),
    {
      b: { d: 3 },
    },
  );
  assert.equal(
    strategicallyMerged(pod, { spec: { containers: [{ name: 'a', $patch: 'delete' }] } }),
    {
      spec: { containers: [{ name: 'b', image: 'j' }], tolerations: [{ key: 'old' }] },
    },
  );
  const replaced = {
    spec: { containers: [{ $patch: 'replace' }, { name: 'c' }], tolerations: null },
  };
  assert.equal(strategicallyMerged(pod, replaced), { spec: { containers: [{ name: 'c' }] } });
  const kept = { $retainKeys: ['b'], b: { e: 1 } };
  assert.equal(strategicallyMerged({ a: 1, b: { c: 2 } }, kept), { b: { c: 2, e: 1 } });
  const finalizers = { '$deleteFromPrimitiveList/list': ['y'] };
  assert.equal(strategicallyMerged({ list: ['x', 'y'] }, finalizers), { list: ['x'] });
});

test('takes ports of containers by containerPort and those of Services by port', () => {
  assert.equal(
    strategicallyMerged(
      { ports: [{ name: 'm', containerPort: 1 }] },
      { ports: [{ containerPort: 1, hostPort: 9 }, { containerPort: 2 }] },
    ),
    { ports: [{ name: 'm', containerPort: 1, hostPort: 9 }, { containerPort: 2 }] },
  );
  assert.equal(
    strategicallyMerged(
      { ports: [{ name: 'm', port: 1, targetPort: 1 }] },
      { ports: [{ port: 1, nodePort: 7 }] },
    ),
    { ports: [{ name: 'm', port: 1, targetPort: 1, nodePort: 7 }] },
  );
});

test('says what is no patch', () => {
  assert.throws(
    () => strategicallyMerged({}, { a: { $patch: 'explode' } }),
    /must be merge, replace/,
  );
  assert.throws(() => strategicallyMerged(pod, { spec: { containers: [{}] } }), /lacks its name/);
  assert.throws(() => strategicallyMerged(pod, { spec: { containers: ['a'] } }), /must be a map/);
});

test.run();
