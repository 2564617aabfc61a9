import { translate } from '../../../src/controller/translate/translate.ts';
import { ValidVersions } from '../../../src/controller/translate/valid-versions.ts';
import { suite } from '../../support/suite.ts';
import { goldenPairs } from '../golden-pairs.ts';
import { mesh } from '../tables.ts';

const test = suite('translation golden pairs');

for (const { title, check } of goldenPairs('translate', (tables) =>
  translate(tables, new ValidVersions(), mesh),
)) {
  test(title, check);
}

test.run();
