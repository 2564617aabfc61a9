import { describeObject } from '../../../src/controller/kinds/object.ts';
import type { ObjectTables } from '../../../src/controller/objects.ts';
import { translate } from '../../../src/controller/translate/translate.ts';
import { ValidVersions } from '../../../src/controller/translate/valid-versions.ts';
import { suite } from '../../support/suite.ts';
import { goldenPairs } from '../golden-pairs.ts';
import { mesh } from '../tables.ts';

const test = suite('translation golden pairs');

const translated = (tables: ObjectTables) => {
  const { routes, scope: _scope, ...rest } = translate(tables, new ValidVersions(), mesh);
  // The objects themselves are in in.yaml.
  const parents = routes.map((one) => ({
    route: describeObject(one.object),
    parents: one.parents,
  }));
  return { ...rest, parents };
};

for (const { title, check } of goldenPairs('translate', translated)) {
  test(title, check);
}

test.run();
