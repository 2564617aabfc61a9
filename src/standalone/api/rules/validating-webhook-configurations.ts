// ValidatingWebhookConfigurations: what the schema cannot say of a webhook, so that those that are stored
// can be asked (admissionregistration.k8s.io/v1).

import type { FieldProblem } from '../api-error.ts';
import { isRecord, type JsonRecord, listAt, numberAt, recordAt, textAt } from '../json.ts';
import { type KindRules, missing, refused } from './rules.ts';

const maxTimeoutSeconds = 30;

/** Completes and checks configurations. */
export const validatingWebhookConfigurationRules: KindRules = {
  prepare(_core, object) {
    for (const webhook of listAt(object, 'webhooks').filter(isRecord)) {
      webhook['namespaceSelector'] ??= {};
      webhook['objectSelector'] ??= {};
      const service = recordAt(webhook, 'clientConfig', 'service');
      if (service !== undefined) service['port'] ??= 443;
      for (const rule of listAt(webhook, 'rules').filter(isRecord)) rule['scope'] ??= '*';
    }
  },
  problems(_core, object) {
    const names = new Set<string>();
    return listAt(object, 'webhooks')
      .filter(isRecord)
      .flatMap((webhook, index) => {
        const path = `webhooks[${index}]`;
        const name = textAt(webhook, 'name') ?? '';
        const isRepeated = names.has(name);
        names.add(name);
        const isQualified = /^[a-z0-9-]+(\.[a-z0-9-]+){2,}$/.test(name);
        return [
          ...(isQualified
            ? []
            : [refused(`${path}.name`, name, 'should be a domain with at least three segments')]),
          ...(isRepeated ? [refused(`${path}.name`, name, 'is used twice')] : []),
          ...placeProblems(webhook, `${path}.clientConfig`),
          ...manners(webhook, path),
          ...listAt(webhook, 'rules')
            .filter(isRecord)
            .flatMap((rule, place) => ruleProblems(rule, `${path}.rules[${place}]`)),
        ];
      });
  },
};

function manners(webhook: JsonRecord, path: string): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const versions = listAt(webhook, 'admissionReviewVersions');
  if (!versions.includes('v1')) {
    const why = 'must include v1, the only version that is spoken here';
    problems.push(refused(`${path}.admissionReviewVersions`, versions, why));
  }
  const timeout = numberAt(webhook, 'timeoutSeconds') ?? 10;
  if (timeout < 1 || timeout > maxTimeoutSeconds) {
    const why = `must be between 1 and ${maxTimeoutSeconds} seconds`;
    problems.push(refused(`${path}.timeoutSeconds`, timeout, why));
  }
  if (listAt(webhook, 'matchConditions').length > 0) {
    const why =
      'CEL is not evaluated in laptop mode; use rules, namespaceSelector and objectSelector';
    problems.push({
      field: `${path}.matchConditions`,
      reason: 'FieldValueForbidden',
      message: `Forbidden: ${why}`,
    });
  }
  return problems;
}

function placeProblems(webhook: JsonRecord, path: string): FieldProblem[] {
  const url = textAt(webhook, 'clientConfig', 'url');
  const service = recordAt(webhook, 'clientConfig', 'service');
  if ((url === undefined) === (service === undefined)) {
    return [missing(path, 'exactly one of url or service is required')];
  }
  const problems: FieldProblem[] = [];
  const bundle = textAt(webhook, 'clientConfig', 'caBundle') ?? '';
  const isCertificate = /-----BEGIN CERTIFICATE-----/.test(
    Buffer.from(bundle, 'base64').toString('utf8'),
  );
  if (bundle !== '' && !isCertificate) {
    const why = 'unable to load root certificates: must be PEM in base64';
    problems.push(refused(`${path}.caBundle`, '...', why));
  }
  if (url !== undefined) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    const isPlain = parsed?.protocol === 'https:' && parsed.search === '' && parsed.hash === '';
    if (!isPlain || parsed.username !== '') {
      const why = 'must be an https URL without user, query and fragment';
      problems.push(refused(`${path}.url`, url, why));
    }
    return problems;
  }
  const below = textAt(service, 'path');
  if (below !== undefined && !below.startsWith('/')) {
    problems.push(refused(`${path}.service.path`, below, "must start with a '/'"));
  }
  const port = numberAt(service, 'port') ?? 443;
  if (port < 1 || port > 65_535) {
    problems.push(refused(`${path}.service.port`, port, 'must be between 1 and 65535'));
  }
  return problems;
}

function ruleProblems(rule: JsonRecord, path: string): FieldProblem[] {
  return (['operations', 'apiGroups', 'apiVersions', 'resources'] as const).flatMap((field) => {
    const list = listAt(rule, field);
    if (list.length === 0) return [missing(`${path}.${field}`)];
    return list.length > 1 && list.includes('*')
      ? [refused(`${path}.${field}`, list, "if '*' is present, must not specify others")]
      : [];
  });
}
