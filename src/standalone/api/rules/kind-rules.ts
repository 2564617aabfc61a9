// Which kind has which rules of its own.

import type { Kind } from '../kinds/kind.ts';
import type { KindName } from '../store.ts';
import { customResourceDefinitionRules } from './custom-resource-definitions.ts';
import { configMapRules, namespaceRules, secretRules } from './namespaces-and-settings.ts';
import { podRules } from './pods.ts';
import type { KindRules } from './rules.ts';
import { serviceRules } from './services.ts';
import { validatingWebhookConfigurationRules } from './validating-webhook-configurations.ts';
import { workloadRules } from './workloads.ts';

const rules: ReadonlyMap<KindName, KindRules> = new Map([
  ['namespaces', namespaceRules],
  ['services', serviceRules],
  ['pods', podRules],
  ['secrets', secretRules],
  ['configmaps', configMapRules],
  ['apps/deployments', workloadRules],
  ['apps/replicasets', workloadRules],
  ['apps/daemonsets', workloadRules],
  ['apiextensions.k8s.io/customresourcedefinitions', customResourceDefinitionRules],
  [
    'admissionregistration.k8s.io/validatingwebhookconfigurations',
    validatingWebhookConfigurationRules,
  ],
]);

const none: KindRules = {};

/** The rules of a kind, empty when it has none. */
export function rulesOf(kind: Kind): KindRules {
  return rules.get(kind.storedAs) ?? none;
}
