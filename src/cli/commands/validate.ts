// ambit validate: judges manifests as the API server and the webhook would, without a cluster.

import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { AmbitError } from '../../runtime/errors.ts';
import { outputForm } from '../cluster-options.ts';
import type { Command, CommandContext } from '../command.ts';
import { readDefinitions } from '../objects/definitions.ts';
import { readSources } from '../objects/find-files.ts';
import { readDocuments } from '../objects/read-documents.ts';
import { documentOf } from '../output.ts';
import { judgeObject } from '../validate/judge-object.ts';
import { type FileOutcome, isValid, reportText, reportValue } from '../validate/report.ts';

export const validate: Command = {
  name: 'validate',
  summary: 'check manifests before they are applied, without a cluster',
  usage: `ambit validate -f FILE|FOLDER|- ... [-n NAMESPACE] [-o json|yaml]

Judges the objects of Istio and of routes of the Gateway API as the API server and the validating webhook
would: unknown fields, types, limits and all rules, each with its line, code and remedy. Folders are read with
all that is below; - is standard input. Other objects are left alone.

  -f, --filename FILE   a file, a folder or -; may be repeated, and left out before the names
  -n, --namespace NAME  where objects that name no namespace would go (default)
  -o, --output FORM     json or yaml instead of lines

The exit code is 0 when nothing would be refused, warnings or not, and 1 otherwise.`,
  async run(args, context) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        filename: { type: 'string', short: 'f', multiple: true },
        namespace: { type: 'string', short: 'n', default: 'default' },
        output: { type: 'string', short: 'o' },
      },
    });
    const names = [...(values.filename ?? []), ...positionals];
    const { output, namespace } = values;
    if (names.length === 0) {
      throw new AmbitError('AMB1801', 'validate needs files: ambit validate -f FILE');
    }
    const form = outputForm(output, ['log', 'json', 'yaml']);
    const outcomes = await judgeAll(names, namespace, context);
    const report = form === 'log' ? reportText(outcomes) : documentOf(reportValue(outcomes), form);
    context.stdout(report);
    const invalid = outcomes.filter((outcome) => !isValid(outcome)).length;
    if (invalid === 0) return 0;
    throw new AmbitError('AMB1692', `${invalid} of ${outcomes.length} files would be refused`);
  },
};

async function judgeAll(
  names: readonly string[],
  namespace: string,
  { cwd, stdin }: CommandContext,
): Promise<FileOutcome[]> {
  const sources = await readSources(names, cwd, stdin ?? (() => text(process.stdin)));
  const read = sources.map((source) => ({ file: source.name, ...readDocuments(source) }));
  const kinds = read.flatMap(({ objects }) => objects.map(({ object }) => object.kind));
  const definitions = readDefinitions(new Set(kinds));
  const outcomes = read.map(
    ({ file, problems, objects }): FileOutcome => ({
      file,
      problems,
      objects: objects.map((one) => judgeObject(one, definitions, namespace)),
    }),
  );
  if (outcomes.every(({ objects, problems }) => objects.length + problems.length === 0)) {
    throw new AmbitError('AMB1693', 'there is no object to be validated', {
      object: names.join(' '),
    });
  }
  return outcomes;
}
