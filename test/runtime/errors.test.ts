import * as assert from 'uvu/assert';
import { AmbitError, causeChain, codeOf } from '../../src/runtime/errors.ts';
import { suite } from '../support/suite.ts';

const test = suite('errors');

test('names the object and the field before what is wrong', () => {
  const error = new AmbitError('AMB1601', 'the regular expression does not close a group', {
    object: 'VirtualService default/reviews',
    field: 'spec.http[0].match[0].uri.regex',
  });
  assert.is(
    error.message,
    'AMB1601 VirtualService default/reviews spec.http[0].match[0].uri.regex: ' +
      'the regular expression does not close a group',
  );
});

test('finds the nearest code below an uncoded error', () => {
  const inner = new AmbitError('AMB1301', 'CNI_COMMAND is not set');
  assert.is(codeOf(new Error('attaching failed', { cause: inner })), 'AMB1301');
  assert.is(codeOf(new Error('attaching failed')), 'AMB1005');
});

test('prints a cause chain in one line without repeating itself', () => {
  const chain = new Error('outer', { cause: new Error('outer', { cause: new Error('inner') }) });
  assert.is(causeChain(chain), 'outer: inner');
});

test.run();
