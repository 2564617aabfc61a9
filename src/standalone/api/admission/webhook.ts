// What the stored ValidatingWebhookConfigurations say, read into one form. Pure.

import { isRecord, type JsonRecord, listAt, numberAt, recordAt, textAt } from '../json.ts';
import type { ApiObject, KindName } from '../store.ts';

/** Under which name configurations are kept. */
export const configurationsKind: KindName =
  'admissionregistration.k8s.io/validatingwebhookconfigurations';

/** Which requests a webhook is asked about. */
export interface WebhookRule {
  readonly operations: readonly string[];
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  /** `*`, `pods`, `pods/status`, `pods/*`, `*` + `/status`. */
  readonly resources: readonly string[];
  readonly scope: string;
}

/** Where a webhook is: at an address, or behind a service of the cluster. */
export type WebhookPlace =
  | { readonly kind: 'url'; readonly url: string }
  | {
      readonly kind: 'service';
      readonly namespace: string;
      readonly name: string;
      readonly path: string;
      readonly port: number;
    };

/** One webhook of a configuration. */
export interface Webhook {
  readonly name: string;
  readonly configuration: string;
  readonly rules: readonly WebhookRule[];
  readonly place: WebhookPlace;
  /** PEM; the roots of this machine when undefined. */
  readonly caCertificates: string | undefined;
  readonly timeoutMs: number;
  readonly failsOpen: boolean;
  /** Whether versions of one kind count as one. */
  readonly isEquivalent: boolean;
  readonly allowsDryRun: boolean;
  readonly namespaceSelector: unknown;
  readonly objectSelector: unknown;
}

/** The webhooks of a configuration that was checked when it was written. */
export function webhooksOf({ metadata, ...content }: ApiObject): Webhook[] {
  return listAt(content, 'webhooks')
    .filter(isRecord)
    .map((webhook) => ({
      name: textAt(webhook, 'name') ?? '',
      configuration: metadata.name,
      rules: listAt(webhook, 'rules').filter(isRecord).map(ruleOf),
      place: placeOf(webhook),
      caCertificates: certificatesOf(textAt(webhook, 'clientConfig', 'caBundle')),
      timeoutMs: (numberAt(webhook, 'timeoutSeconds') ?? 10) * 1000,
      failsOpen: textAt(webhook, 'failurePolicy') === 'Ignore',
      isEquivalent: textAt(webhook, 'matchPolicy') !== 'Exact',
      allowsDryRun: ['None', 'NoneOnDryRun'].includes(textAt(webhook, 'sideEffects') ?? ''),
      namespaceSelector: webhook['namespaceSelector'],
      objectSelector: webhook['objectSelector'],
    }));
}

function certificatesOf(bundle: string | undefined): string | undefined {
  return bundle === undefined || bundle === ''
    ? undefined
    : Buffer.from(bundle, 'base64').toString('utf8');
}

function ruleOf(rule: JsonRecord): WebhookRule {
  const texts = (name: string): string[] => listAt(rule, name).map(String);
  return {
    operations: texts('operations'),
    apiGroups: texts('apiGroups'),
    apiVersions: texts('apiVersions'),
    resources: texts('resources'),
    scope: textAt(rule, 'scope') ?? '*',
  };
}

function placeOf(webhook: JsonRecord): WebhookPlace {
  const service = recordAt(webhook, 'clientConfig', 'service');
  if (service === undefined) {
    return { kind: 'url', url: textAt(webhook, 'clientConfig', 'url') ?? '' };
  }
  return {
    kind: 'service',
    namespace: textAt(service, 'namespace') ?? '',
    name: textAt(service, 'name') ?? '',
    path: textAt(service, 'path') ?? '',
    port: numberAt(service, 'port') ?? 443,
  };
}

/** The address of a webhook as messages name it. */
export function addressOf(place: WebhookPlace): string {
  if (place.kind === 'url') return place.url;
  return `https://${place.name}.${place.namespace}.svc:${place.port}${place.path}`;
}
