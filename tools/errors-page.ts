// Writes docs/errors.md from the error catalogue. Run it after adding a code.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Code, catalogue } from '../src/mesh/catalogue.ts';

/** The page as text. */
export function errorsPage(): string {
  const codes = (Object.keys(catalogue) as Code[]).toSorted();
  const sections = codes.map((code) => {
    const { title, cause, remedy } = catalogue[code];
    return `## ${code}: ${title}\n\n${cause}\n\n**Remedy:** ${remedy}\n`;
  });
  const head =
    '# Error codes\n\nEvery failure and refusal of Ambit has a stable code. `ambit explain CODE` prints the same.\n' +
    'This page is made from `src/mesh/catalogue` by `node tools/errors-page.ts`.\n';
  return `${[head, ...sections].join('\n')}`;
}

if (import.meta.main) {
  writeFileSync(path.join(import.meta.dirname, '..', 'docs', 'errors.md'), errorsPage());
}
