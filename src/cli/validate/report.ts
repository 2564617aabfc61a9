// What `ambit validate` prints. Pure.

import { formatProblem } from '../../controller/translate/finding.ts';
import type { ReadProblem } from '../objects/read-documents.ts';
import type { JudgedObject, PlacedProblem } from './judge-object.ts';

/** The outcome for one file. */
export interface FileOutcome {
  readonly file: string;
  /** What could not be read. */
  readonly problems: readonly ReadProblem[];
  readonly objects: readonly JudgedObject[];
}

/** Whether nothing of a file would be refused. */
export function isValid({ problems, objects }: FileOutcome): boolean {
  return problems.length === 0 && objects.every(({ errors }) => errors.length === 0);
}

/** Lines for people, as `istioctl validate` words them. */
export function reportText(outcomes: readonly FileOutcome[]): string {
  const lines = outcomes.flatMap((outcome) => [
    ...outcome.problems.map(({ file, line, text }) => `${shown(file)}:${line}: AMB1693 ${text}`),
    ...outcome.objects.flatMap((object) => linesOf(object)),
    ...verdict(outcome),
  ]);
  return lines.map((line) => `${line}\n`).join('');
}

function linesOf(object: JudgedObject): string[] {
  const { kind, name, namespace, file, errors, warnings } = object;
  const line = (problem: PlacedProblem, word: string): string =>
    `${shown(file)}:${problem.line}: ${kind}/${name}/${namespace}: ${word}${formatProblem(problem)}`;
  return [
    ...errors.map((problem) => line(problem, '')),
    ...warnings.map((problem) => line(problem, 'warning: ')),
  ];
}

function verdict(outcome: FileOutcome): string[] {
  const { file, objects } = outcome;
  if (!isValid(outcome)) return [`"${shown(file)}" is not valid`];
  if (objects.some(({ warnings }) => warnings.length > 0)) return [`"${shown(file)}" has warnings`];
  return file === '-' ? ['validation succeed'] : [`"${file}" is valid`];
}

function shown(file: string): string {
  return file === '-' ? 'standard input' : file;
}

/** The same as a value, for programs. */
export function reportValue(outcomes: readonly FileOutcome[]): object {
  return {
    valid: outcomes.every(isValid),
    files: outcomes.map((outcome) => ({
      file: outcome.file,
      valid: isValid(outcome),
      problems: outcome.problems.map(({ line, text }) => ({
        code: 'AMB1693',
        line,
        message: text,
      })),
      objects: outcome.objects.map(
        ({ kind, namespace, name, line, isKnown, errors, warnings }) => ({
          kind,
          namespace,
          name,
          line,
          checked: isKnown,
          errors: errors.map(valueOf),
          warnings: warnings.map(valueOf),
        }),
      ),
    })),
  };
}

function valueOf({ code, field, text, line }: PlacedProblem): object {
  return { code, field, line, message: text };
}
