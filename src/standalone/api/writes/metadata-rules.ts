// What names, labels, annotations, finalizers and owners may look like.

import type { FieldProblem } from '../api-error.ts';
import type { Kind } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const serviceLabel = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualifiedPart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
/** All annotations of one object together, bytes (Kubernetes' figure). */
const maxAnnotationBytes = 256 * 1024;

/** What is wrong with the metadata of an object. */
export function metadataProblems(
  kind: Kind,
  object: ApiObject,
  previous: ApiObject | undefined,
): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const { metadata } = object;
  if (previous === undefined) problems.push(...nameProblems(kind, metadata.name));
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    problems.push(...keyProblems('metadata.labels', key));
    if (typeof value !== 'string' || value.length > 63 || !labelValue.test(value)) {
      problems.push(
        problem(
          'metadata.labels',
          value,
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character, at most 63 in all",
        ),
      );
    }
  }
  let bytes = 0;
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    problems.push(...keyProblems('metadata.annotations', key.toLowerCase()));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(String(value));
  }
  if (bytes > maxAnnotationBytes) {
    problems.push({
      field: 'metadata.annotations',
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${maxAnnotationBytes} bytes`,
    });
  }
  return problems;
}

function problem(field: string, value: unknown, why: string): FieldProblem {
  return {
    field,
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
  };
}

function nameProblems(kind: Kind, name: string): FieldProblem[] {
  const rule = nameRules[kind.storedAs] ?? { form: subdomain, max: 253, say: 'RFC 1123 subdomain' };
  if (kind.group === 'rbac.authorization.k8s.io') return [];
  if (name.length <= rule.max && rule.form.test(name)) return [];
  return [
    problem(
      'metadata.name',
      name,
      `a lowercase ${rule.say} must consist of lower case alphanumeric characters or '-'${rule.form === subdomain ? " or '.'" : ''}, must start and end with an alphanumeric character and have at most ${rule.max} characters`,
    ),
  ];
}

interface NameRule {
  readonly form: RegExp;
  readonly max: number;
  readonly say: string;
}

const nameRules: Readonly<Record<string, NameRule>> = {
  namespaces: { form: label, max: 63, say: 'RFC 1123 label' },
  services: { form: serviceLabel, max: 63, say: 'RFC 1035 label' },
};

function keyProblems(field: string, key: string): FieldProblem[] {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  const prefixOk = prefix === undefined || (prefix.length <= 253 && subdomain.test(prefix));
  if (prefixOk && name.length <= 63 && qualifiedPart.test(name)) return [];
  return [
    problem(
      field,
      key,
      "a key must consist of alphanumeric characters, '-', '_' or '.', with an optional DNS subdomain prefix and '/'",
    ),
  ];
}
