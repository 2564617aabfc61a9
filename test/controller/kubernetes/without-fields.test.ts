import * as assert from 'uvu/assert';
import { withoutFields } from '../../../src/controller/kubernetes/without-fields.ts';
import { suite } from '../../support/suite.ts';

const test = suite('objects without fields of others');

const object = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd', labels: { 'example.com/team': 'a', app: 'd' }, finalizers: ['x', 'y'] },
  spec: {
    replicas: 3,
    template: {
      spec: {
        containers: [
          { name: 'a.b', image: 'i', ports: [{ containerPort: 1, protocol: 'TCP', name: 'p' }] },
          { name: 'c', image: 'j' },
        ],
      },
    },
  },
};

const fields = (...paths: string[]): unknown => withoutFields(object, paths);
const template = (containers: unknown): unknown => ({
  ...object,
  spec: { ...object.spec, template: { spec: { containers } } },
});

test('leaves out fields, items of lists and their fields', () => {
  const { replicas: _replicas, ...rest } = object.spec;
  assert.equal(fields('.spec.replicas'), { ...object, spec: rest });
  const [first, second] = object.spec.template.spec.containers;
  assert.equal(
    fields('.spec.template.spec.containers[name="a.b"].image'),
    template([{ name: 'a.b', ports: first?.ports }, second]),
  );
  assert.equal(
    fields('.spec.template.spec.containers[name="a.b"].ports[containerPort=1,protocol="TCP"].name'),
    template([{ ...first, ports: [{ containerPort: 1, protocol: 'TCP' }] }, second]),
  );
  assert.equal(fields('.spec.template.spec.containers[name="a.b"]'), template([second]));
});

test('takes names with dots in labels whole, values of sets, and indexes', () => {
  assert.equal(fields('.metadata.labels.example.com/team', '.metadata.finalizers[="x"]'), {
    ...object,
    metadata: { name: 'd', labels: { app: 'd' }, finalizers: ['y'] },
  });
  assert.equal(fields('.metadata.finalizers[1]'), {
    ...object,
    metadata: { ...object.metadata, finalizers: ['x'] },
  });
});

test('changes nothing where a path leads nowhere', () => {
  assert.equal(
    fields('.spec.other.field', '.metadata[name="d"]', '.metadata.finalizers[name="x"]'),
    object,
  );
});

test.run();
