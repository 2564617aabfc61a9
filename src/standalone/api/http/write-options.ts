// Reads how a write is to be done from its query and headers.

import { badRequest } from '../api-error.ts';
import type { Kind } from '../kinds/kind.ts';
import type { FieldValidation, Write } from '../writes/core.ts';
import type { Exchange } from './exchange.ts';

/** Describes a write. Throws BadRequest for values that are not known. */
export function writeOf(
  exchange: Exchange,
  kind: Kind,
  version: string,
  namespace: string | undefined,
  subresource: string | undefined,
): Write {
  const { query } = exchange;
  return {
    kind,
    version,
    namespace: namespace ?? '',
    fieldManager: query.get('fieldManager') ?? managerFromAgent(exchange),
    dryRun: dryRunOf(query),
    fieldValidation: fieldValidationOf(query),
    subresource: subresource === 'status' || subresource === 'scale' ? subresource : undefined,
    warn: (text) => void exchange.warnings.add(text),
  };
}

/** The program's name, as Kubernetes derives it: what precedes the slash of the user agent. */
function managerFromAgent(exchange: Exchange): string {
  const agent = exchange.request.headers['user-agent'] ?? '';
  return (agent.split('/')[0] ?? '').slice(0, 128) || 'unknown';
}

/** Whether nothing is to be stored. */
export function dryRunOf(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun').filter((value) => value !== '');
  if (values.some((value) => value !== 'All')) {
    throw badRequest('AMB1203', `dryRun must be All, not ${JSON.stringify(values[0])}`);
  }
  return values.length > 0;
}

function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const value = query.get('fieldValidation') ?? 'Warn';
  if (value === '' || value === 'Warn') return 'Warn';
  if (value === 'Strict' || value === 'Ignore') return value;
  throw badRequest('AMB1203', `fieldValidation must be Ignore, Warn or Strict, not ${value}`);
}
