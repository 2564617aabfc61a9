// The question that is put to a webhook and how its answer is read (admission.k8s.io/v1). Pure.

import type { Caller } from '../access/tokens.ts';
import { isRecord, listAt, numberAt, recordAt, textAt } from '../json.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';
import type { AdmissionFacts } from './matches.ts';

/** A request that webhooks are asked about. */
export interface AdmissionRequest extends AdmissionFacts {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace: string;
  readonly caller: Caller;
  readonly dryRun: boolean;
  readonly fieldManager: string;
}

/** What a webhook says. */
export interface Verdict {
  readonly allowed: boolean;
  readonly message: string;
  /** HTTP status of a denial. */
  readonly code: number;
  readonly reason: string;
  readonly warnings: readonly string[];
}

const optionKinds = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' };

/** The body of the call; the webhook sees objects in `version`. */
export function reviewOf(request: AdmissionRequest, version: string, uid: string): object {
  const { kind, operation, subresource, dryRun, caller, name, namespace } = request;
  const inVersion = (one: string): object => ({ group: kind.group, version: one });
  const seen = (object: ApiObject | undefined): object | null =>
    object === undefined ? null : { ...object, apiVersion: apiVersionOf(kind.group, version) };
  const options = {
    apiVersion: 'meta.k8s.io/v1',
    kind: optionKinds[operation],
    ...(operation === 'DELETE' ? {} : { fieldManager: request.fieldManager }),
    ...(dryRun ? { dryRun: ['All'] } : {}),
  };
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid,
      kind: { ...inVersion(version), kind: kind.kind },
      resource: { ...inVersion(version), resource: kind.plural },
      requestKind: { ...inVersion(request.version), kind: kind.kind },
      requestResource: { ...inVersion(request.version), resource: kind.plural },
      ...(subresource === undefined
        ? {}
        : { subResource: subresource, requestSubResource: subresource }),
      name,
      ...(namespace === '' ? {} : { namespace }),
      operation,
      userInfo: {
        username: caller.username,
        uid: caller.uid,
        groups: caller.groups,
        extra: caller.extra,
      },
      object: seen(request.object),
      oldObject: seen(request.oldObject),
      dryRun,
      options,
    },
  };
}

/** Reads an answer; a text says what is wrong with it. */
export function readVerdict(answer: unknown, uid: string): Verdict | string {
  const version = textAt(answer, 'apiVersion');
  if (!isRecord(answer) || textAt(answer, 'kind') !== 'AdmissionReview') {
    return 'the answer is no AdmissionReview';
  }
  if (version !== 'admission.k8s.io/v1') {
    return `expected webhook response of admission.k8s.io/v1, got ${version ?? 'none'}`;
  }
  const response = recordAt(answer, 'response');
  if (response === undefined) return 'webhook response has no response';
  if (textAt(response, 'uid') !== uid) {
    return `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'])}`;
  }
  if (typeof response['allowed'] !== 'boolean') return 'response.allowed is missing';
  return {
    allowed: response['allowed'],
    message: textAt(response, 'status', 'message') ?? '',
    code: numberAt(response, 'status', 'code') ?? 0,
    reason: textAt(response, 'status', 'reason') ?? '',
    warnings: listAt(response, 'warnings').filter((one) => typeof one === 'string'),
  };
}
