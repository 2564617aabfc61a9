// Checks of single values that several kinds share (features section 7.2).

import { RE2JS } from 're2js';
import type { HeadersSpec, StringMatchSpec } from '../kinds/networking.ts';
import { parseDuration } from './durations.ts';
import type { Problem } from './finding.ts';

const maxRegexLength = 1024;
const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A problem of no more specific code. */
export function invalid(field: string, text: string): Problem {
  return { code: 'AMB1601', field, text };
}

/** Checks a pattern: at most one kind, not empty, and a valid expression. */
export function patternProblems(
  spec: StringMatchSpec | undefined,
  path: string,
  star: 'presence' | 'no presence' = 'presence',
): Problem[] {
  if (spec === undefined) return [];
  if (spec.regex === '*' && star === 'no presence') {
    return [{ code: 'AMB1602', field: `${path}.regex`, text: '"*" is not RE2; write .*' }];
  }
  const kinds = (['exact', 'prefix', 'regex'] as const).filter((kind) => spec[kind] !== undefined);
  if (kinds.length > 1) {
    return [
      invalid(path, `has ${kinds.join(' and ')}; use exactly one of exact, prefix and regex`),
    ];
  }
  if (spec.prefix === '') return [invalid(`${path}.prefix`, 'must not be empty')];
  return spec.regex === undefined ? [] : regexProblems(spec.regex, `${path}.regex`);
}

/** Checks a regular expression of RE2 syntax. */
export function regexProblems(regex: string, path: string): Problem[] {
  // A single star is Istio's word for "present" on headers.
  if (regex === '*') return [];
  const problem = (text: string): Problem[] => [{ code: 'AMB1602', field: path, text }];
  if (regex === '') return problem('must not be empty');
  if (regex.length > maxRegexLength) return problem(`is longer than ${maxRegexLength} characters`);
  try {
    RE2JS.compile(regex);
    return [];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return problem(`"${regex}" is not RE2: ${reason}`);
  }
}

/** Checks a duration; `zero` tells whether 0s is allowed. */
export function durationProblems(
  text: string | undefined,
  path: string,
  zero: 'zero allowed' | 'at least 1ms',
): Problem[] {
  if (text === undefined) return [];
  const ms = parseDuration(text);
  if (ms !== undefined && (ms >= 1 || zero === 'zero allowed')) return [];
  return [
    { code: 'AMB1605', field: path, text: `"${text}" must be like 2s or 500ms, at least 1ms` },
  ];
}

/** Checks a number. */
export function rangeProblems(
  value: number | undefined,
  path: string,
  min: number,
  max: number,
): Problem[] {
  if (value === undefined || (value >= min && value <= max)) return [];
  return [{ code: 'AMB1606', field: path, text: `${value} must be from ${min} to ${max}` }];
}

/** Checks a word of a list. */
export function wordProblems(
  word: string | undefined,
  path: string,
  words: readonly string[],
): Problem[] {
  if (word === undefined || words.includes(word)) return [];
  return [invalid(path, `"${word}" must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`)];
}

/** Checks a percentage of fractions down to a ten-thousandth. */
export function percentProblems(value: number | undefined, path: string): Problem[] {
  if (value === undefined || value === 0 || (value >= 0.0001 && value <= 100)) return [];
  return [{ code: 'AMB1606', field: path, text: `${value} must be 0, or from 0.0001 to 100` }];
}

/** Checks header operations (features section 1.1.10). */
export function headerProblems(headers: HeadersSpec | undefined, path: string): Problem[] {
  return (['request', 'response'] as const).flatMap((side) => {
    const { set = {}, add = {}, remove = [] } = headers?.[side] ?? {};
    const written = (['set', 'add'] as const).flatMap((operation) =>
      Object.keys(operation === 'set' ? set : add).flatMap((name) =>
        headerName.test(name) || name === ':authority'
          ? []
          : [invalid(`${path}.${side}.${operation}`, `"${name}" is no header name`)],
      ),
    );
    const removed = remove.flatMap((name, index) =>
      headerName.test(name) && name.toLowerCase() !== 'host'
        ? []
        : [invalid(`${path}.${side}.remove[${index}]`, `"${name}" cannot be removed`)],
    );
    return [...written, ...removed];
  });
}

/** The same for a ServiceEntry, which may also be visible to nobody, and whose own namespace counts as
 * the dot. */
export function entryExportProblems(
  exportTo: readonly string[] | undefined,
  namespace: string,
  path: string,
): Problem[] {
  const list = (exportTo ?? []).map((entry) => (entry === namespace ? '.' : entry));
  if (list.length > 1 && list.includes('~')) {
    return [invalid(path, '"~" cannot be combined with other entries')];
  }
  return list.includes('~') ? [] : exportProblems(list, path);
}

/** Checks the list of namespaces that an object is visible in (features section 0.4). */
export function exportProblems(exportTo: readonly string[] | undefined, path: string): Problem[] {
  const list = exportTo ?? [];
  if (new Set(list).size < list.length) return [invalid(path, 'has an entry twice')];
  if (list.length > 1 && list.includes('*')) {
    return [invalid(path, '"*" cannot be combined with other entries')];
  }
  return list.includes('~') ? [invalid(path, '"~" is not allowed here')] : [];
}
