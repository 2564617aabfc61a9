// What the configuration of the validating webhook must say that no manifest can: whom to trust, and, once
// the webhook has proven itself, that nothing gets in without it. Pure.

import type { KubernetesObject } from '../kinds/object.ts';
import { alwaysRejectAnnotation } from './review.ts';

/** The part of a ValidatingWebhookConfiguration that is read. */
export interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks?: readonly {
    readonly name: string;
    readonly clientConfig?: { readonly caBundle?: string };
    readonly failurePolicy?: string;
    readonly objectSelector?: {
      readonly matchExpressions?: readonly {
        readonly key?: string;
        readonly operator?: string;
        readonly values?: readonly string[];
      }[];
    };
  }[];
}

/** Under which the API serves configurations. */
export const configurationsPath =
  '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

/** What to do about a configuration. */
export type WebhookStep =
  | { readonly kind: 'nothing' }
  /** Apply this, and look at what comes of it. */
  | { readonly kind: 'apply'; readonly body: KubernetesObject }
  /** Find out whether the API server asks the webhook. */
  | { readonly kind: 'prove' };

/** The next step. `isProven` tells whether the webhook was seen to refuse what it must. A policy that is
 * `Fail` already stays so: it was proven by an earlier process, or it is what somebody wants. */
export function nextStep(
  configuration: WebhookConfiguration,
  rootPem: string,
  isProven: boolean,
): WebhookStep {
  const caBundle = Buffer.from(rootPem).toString('base64');
  const { webhooks = [] } = configuration;
  const trusts = webhooks.every((one) => one.clientConfig?.caBundle === caBundle);
  const fails = webhooks.every((one) => one.failurePolicy === 'Fail');
  if (trusts && fails) return { kind: 'nothing' };
  if (trusts && !isProven) return { kind: 'prove' };
  const wanted = webhooks.map(({ name, failurePolicy }) => ({
    name,
    clientConfig: { caBundle },
    ...((isProven || failurePolicy === 'Fail') && { failurePolicy: 'Fail' }),
  }));
  // Items of lists do not say what they are.
  const body = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: configuration.metadata.name },
    webhooks: wanted,
  };
  return { kind: 'apply', body };
}

/** The revision that the first webhook asks for by its selector; undefined when it takes objects without. */
export function revisionOf({ webhooks = [] }: WebhookConfiguration): string | undefined {
  const revisions = webhooks.map(({ objectSelector }) =>
    (objectSelector?.matchExpressions ?? []).find(
      ({ key, operator }) => key === 'istio.io/rev' && operator === 'In',
    ),
  );
  return revisions.includes(undefined) ? undefined : revisions[0]?.values?.[0];
}

/** An object that the webhook never accepts; offered in a dry run, with the label that the webhook of a
 * revision selects, or without it. */
export function knownBadObject(namespace: string, revision: string | undefined): KubernetesObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: {
      name: 'ambit-webhook-proof',
      namespace,
      annotations: { [alwaysRejectAnnotation]: 'true' },
      ...(revision !== undefined && { labels: { 'istio.io/rev': revision } }),
    },
    spec: { host: 'never.invalid' },
  };
}
