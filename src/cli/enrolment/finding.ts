// One line of what ambit enroll --check has to say.

import { type Code, catalogue } from '../../mesh/catalogue.ts';

/** `breaks`: traffic that passes today will not. `risk`: it may not. `note`: good to know. */
export type Severity = 'breaks' | 'risk' | 'note';

export interface Finding {
  readonly code: Code;
  readonly severity: Severity;
  /** Such as `NetworkPolicy shop/web`. */
  readonly object: string;
  /** What happens, to whom. */
  readonly message: string;
}

const severities: readonly Severity[] = ['breaks', 'risk', 'note'];

/** The worst first; among equals by object. */
export function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const rank = ({ severity }: Finding): number => severities.indexOf(severity);
  return findings.toSorted(
    (one, other) => rank(one) - rank(other) || (one.object < other.object ? -1 : 1),
  );
}

/** The lines of a finding, its remedy below it. */
export function findingLines({ code, severity, object, message }: Finding): readonly string[] {
  const { remedy } = catalogue[code];
  return [`${severity.padEnd(6)}  ${code}  ${object}: ${message}`, `        Remedy: ${remedy}`];
}

/** For tables and JSON: with the remedy of the catalogue. */
export function withRemedy(finding: Finding): object {
  return { ...finding, remedy: catalogue[finding.code].remedy };
}
