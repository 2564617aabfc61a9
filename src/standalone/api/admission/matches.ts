// Whether a webhook is asked about a request (admissionregistration.k8s.io/v1). Pure.

import { selectorMatches } from '../selectors/label-selector.ts';
import type { ApiObject } from '../store.ts';
import type { Webhook, WebhookRule } from './webhook.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

/** What is known of a request before it is answered. */
export interface AdmissionFacts {
  readonly operation: Operation;
  readonly group: string;
  /** As the caller speaks. */
  readonly version: string;
  /** All served versions of the kind. */
  readonly versions: readonly string[];
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly namespaced: boolean;
  readonly object: ApiObject | undefined;
  readonly oldObject: ApiObject | undefined;
  /** Labels of the namespace that the object is in, or of the object where it is one itself. */
  readonly namespaceLabels: Readonly<Record<string, string>> | undefined;
}

/** Nobody could repair a broken configuration if it were asked about itself. */
const exempt: ReadonlySet<string> = new Set([
  'validatingwebhookconfigurations',
  'mutatingwebhookconfigurations',
]);

/** The version of the kind in which the webhook is to see the request; undefined when it is not asked. */
export function matchingVersion(webhook: Webhook, facts: AdmissionFacts): string | undefined {
  if (facts.group === 'admissionregistration.k8s.io' && exempt.has(facts.resource))
    return undefined;
  const asked = (version: string): boolean =>
    webhook.rules.some((rule) => ruleMatches(rule, facts, version));
  const others = webhook.isEquivalent ? facts.versions : [];
  const version = [facts.version, ...others].find(asked);
  if (version === undefined || !isSelected(webhook, facts)) return undefined;
  return version;
}

/** Whether a webhook could be asked about a resource, whatever the objects. */
export function mayConcern(
  webhook: Webhook,
  facts: Pick<AdmissionFacts, 'group' | 'resource' | 'subresource'>,
): boolean {
  return webhook.rules.some(
    ({ apiGroups, resources }) =>
      (apiGroups.includes('*') || apiGroups.includes(facts.group)) &&
      resources.some((pattern) => resourceMatches(pattern, facts)),
  );
}

function ruleMatches(rule: WebhookRule, facts: AdmissionFacts, version: string): boolean {
  const has = (list: readonly string[], one: string): boolean =>
    list.includes('*') || list.includes(one);
  return (
    has(rule.operations, facts.operation) &&
    has(rule.apiGroups, facts.group) &&
    has(rule.apiVersions, version) &&
    rule.resources.some((pattern) => resourceMatches(pattern, facts)) &&
    (rule.scope === '*' || (rule.scope === 'Namespaced') === facts.namespaced)
  );
}

/** `*` alone means every resource and none of their subresources. */
function resourceMatches(
  pattern: string,
  { resource, subresource }: Pick<AdmissionFacts, 'resource' | 'subresource'>,
): boolean {
  const slash = pattern.indexOf('/');
  const [wanted, below] =
    slash < 0 ? [pattern, undefined] : [pattern.slice(0, slash), pattern.slice(slash + 1)];
  if (wanted !== '*' && wanted !== resource) return false;
  if (below === undefined) return subresource === undefined;
  if (below === '*') return true;
  return below === subresource;
}

/** A change is selected by how the object was before, too: otherwise labels would be a way around. */
function isSelected(webhook: Webhook, facts: AdmissionFacts): boolean {
  const { namespaceLabels, object, oldObject } = facts;
  if (
    namespaceLabels !== undefined &&
    !selectorMatches(webhook.namespaceSelector, namespaceLabels)
  ) {
    return false;
  }
  return [object, oldObject].some(
    (one) =>
      one !== undefined && selectorMatches(webhook.objectSelector, one.metadata.labels ?? {}),
  );
}
