// What makes the TLS towards a destination invalid (features sections 1.2.5 and 7.3).

import type { ClientTlsSpec } from '../kinds/networking.ts';
import type { Problem } from './finding.ts';
import { withoutEffect } from './validate-balancers.ts';
import { invalid, wordProblems } from './validate-values.ts';

const files = ['clientCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const;
const configMapScheme = 'configmap://';
const objectName = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/** Problems of a `tls` block of an object in a namespace. */
export function clientTlsProblems(
  spec: ClientTlsSpec | undefined,
  path: string,
  namespace: string,
): Problem[] {
  if (spec === undefined) return [];
  const { mode = 'DISABLE', credentialName = '', insecureSkipVerify } = spec;
  const problems = wordProblems(mode, `${path}.mode`, [
    'DISABLE',
    'SIMPLE',
    'MUTUAL',
    'ISTIO_MUTUAL',
  ]);
  const given = files.filter((field) => (spec[field] ?? '') !== '');
  if (credentialName !== '' && given.length > 0) {
    problems.push(invalid(path, `cannot have files (${given.join(', ')}) with credentialName`));
  }
  if (mode === 'ISTIO_MUTUAL' && (credentialName !== '' || given.length > 0)) {
    problems.push(invalid(path, 'cannot have certificates with mode ISTIO_MUTUAL'));
  }
  if (mode === 'MUTUAL' && credentialName === '') {
    for (const field of ['clientCertificate', 'privateKey'] as const) {
      if (given.includes(field)) continue;
      const text = 'is required with mode MUTUAL, unless credentialName is given';
      problems.push(invalid(`${path}.${field}`, text));
    }
  }
  const checks = given.includes('caCertificates') || (spec.subjectAltNames ?? []).length > 0;
  if (insecureSkipVerify === true && checks) {
    const text = 'cannot be combined with caCertificates or subjectAltNames';
    problems.push(invalid(`${path}.insecureSkipVerify`, text));
  }
  return [...problems, ...credentialProblems(credentialName, `${path}.credentialName`, namespace)];
}

function credentialProblems(name: string, path: string, namespace: string): Problem[] {
  if (!name.startsWith(configMapScheme)) return [];
  const [place, object, ...rest] = name.slice(configMapScheme.length).split('/').toReversed();
  if (rest.length > 0 || place === undefined || !objectName.test(place)) {
    return [invalid(path, `"${name}" is an invalid configmap name`)];
  }
  return object === undefined || object === namespace
    ? []
    : [invalid(path, `"${name}" lies in a foreign namespace`)];
}

/** What is allowed, and does nothing in ambient mode. */
export function clientTlsWarnings(spec: ClientTlsSpec | undefined, path: string): Problem[] {
  const { mode = 'DISABLE' } = spec ?? {};
  if (spec === undefined || mode === 'SIMPLE' || mode === 'MUTUAL') return [];
  const text = `${mode} does nothing: between members of the mesh the tunnel stays what it is`;
  return [withoutEffect(`${path}.mode`, text)];
}
