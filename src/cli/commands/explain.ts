// ambit explain: what a code means and what to do about it.

import { catalogue, isCode } from '../../mesh/catalogue.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { Command } from '../command.ts';

export const explain: Command = {
  name: 'explain',
  summary: 'print the cause and the remedy of an error code',
  usage: 'ambit explain CODE...\n\nCODE looks like AMB1234; docs/errors.md lists them all.',
  run(args, { stdout }) {
    if (args.length === 0)
      throw new AmbitError('AMB1801', 'explain needs a code: ambit explain AMB1401');
    for (const arg of args) {
      const code = arg.toUpperCase();
      if (!isCode(code)) throw new AmbitError('AMB1802', `there is no code ${arg}`);
      const { title, cause, remedy } = catalogue[code];
      stdout(`${code}  ${title}\n\n  Cause:   ${cause}\n  Remedy:  ${remedy}\n`);
    }
    return Promise.resolve(0);
  },
};
