// From the API server's question to the webhook's answer (admission.k8s.io/v1). Pure. Whatever it is given,
// it answers, and never throws.

import type { KubernetesObject } from '../kinds/object.ts';
import { formatProblem, type Problem } from '../translate/finding.ts';
import { validateObject } from '../translate/validations.ts';

/** Objects with it are never accepted: a dry run of one proves that the API server asks us. */
export const alwaysRejectAnnotation = 'internal.istio.io/webhook-always-reject';

/** What a review was about, for metrics. */
export interface ReviewedResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** The outcome of one question. */
export interface ReviewOutcome {
  readonly resource: ReviewedResource;
  /** Why it was refused; undefined when it is allowed. */
  readonly refusal: string | undefined;
  /** The AdmissionReview to send. */
  readonly answer: object;
}

/** Answers a body; `unreadable` tells what is wrong with one that holds no question. */
export function reviewBody(text: string): ReviewOutcome | { readonly unreadable: string } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { unreadable: 'the body is no JSON' };
  }
  if (!isRecord(body) || body['kind'] !== 'AdmissionReview') {
    return { unreadable: 'kind must be AdmissionReview' };
  }
  const { apiVersion, request } = body;
  if (apiVersion !== 'admission.k8s.io/v1') {
    return { unreadable: `apiVersion must be admission.k8s.io/v1, not ${String(apiVersion)}` };
  }
  if (!isRecord(request)) return { unreadable: 'request is missing' };
  const { uid } = request;
  if (typeof uid !== 'string' || uid === '') return { unreadable: 'request.uid is missing' };
  return outcomeOf(request, uid);
}

type Request = Readonly<Record<string, unknown>>;

function outcomeOf(request: Request, uid: string): ReviewOutcome {
  const resource = resourceOf(request['resource']);
  const answer = (response: object): object => ({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid, ...response },
  });
  const decision = decide(request);
  if (decision.kind === 'allow') {
    const { warnings } = decision;
    const told = warnings.length === 0 ? {} : { warnings };
    return { resource, refusal: undefined, answer: answer({ allowed: true, ...told }) };
  }
  const { reason, message } = decision;
  const status = { status: 'Failure', message, code: 400 };
  return { resource, refusal: reason, answer: answer({ allowed: false, status }) };
}

type Decision =
  | { readonly kind: 'allow'; readonly warnings: readonly string[] }
  | { readonly kind: 'refuse'; readonly reason: string; readonly message: string };

const allowed: Decision = { kind: 'allow', warnings: [] };

/** Only what is created or changed is judged, and nothing that is on its way out. */
function decide({ operation, object, oldObject }: Request): Decision {
  if (operation !== 'CREATE' && operation !== 'UPDATE') return allowed;
  if (!isObject(object)) {
    const message = 'AMB1680 request.object: has no apiVersion, kind or metadata.name';
    return { kind: 'refuse', reason: 'unreadable', message };
  }
  const { metadata } = object;
  if (metadata.deletionTimestamp !== undefined) return allowed;
  if (metadata.annotations?.[alwaysRejectAnnotation] !== undefined) {
    const field = `metadata.annotations["${alwaysRejectAnnotation}"]`;
    return invalid('proof', [
      { code: 'AMB1685', field, text: 'objects with it are never accepted' },
    ]);
  }
  const judged = validateObject(object);
  if (judged === undefined) {
    const message = `AMB1681 kind: unrecognized type ${object.apiVersion} ${object.kind}`;
    return { kind: 'refuse', reason: 'unrecognized type', message };
  }
  const { problems, warnings } = judged;
  if (problems.length === 0) return { kind: 'allow', warnings: warnings.map(formatProblem) };
  return wasSo(object, oldObject)
    ? { kind: 'allow', warnings: problems.map((one) => `still invalid: ${formatProblem(one)}`) }
    : invalid('invalid', problems);
}

function invalid(reason: string, problems: readonly Problem[]): Decision {
  const message = `configuration is invalid: ${problems.map(formatProblem).join('; ')}`;
  return { kind: 'refuse', reason, message };
}

/** Whether nothing that is judged has changed. What got in, or was valid by older rules, may still get a
 * label or lose a finalizer. */
function wasSo(object: KubernetesObject, oldObject: unknown): boolean {
  if (!isObject(oldObject)) return false;
  const judged = (one: KubernetesObject): string => {
    const { metadata, status: _, ...rest } = one;
    return JSON.stringify([rest, metadata.annotations ?? {}]);
  };
  return judged(object) === judged(oldObject);
}

function resourceOf(value: unknown): ReviewedResource {
  const { group, version, resource } = isRecord(value) ? value : {};
  const text = (one: unknown): string => (typeof one === 'string' ? one : '');
  return { group: text(group), version: text(version), resource: text(resource) };
}

/** The members that all rules rely on. */
function isObject(value: unknown): value is KubernetesObject {
  if (!isRecord(value)) return false;
  const { apiVersion, kind, metadata } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !isRecord(metadata)) {
    return false;
  }
  const { annotations = {} } = metadata;
  return typeof metadata['name'] === 'string' && isRecord(annotations);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
