// Refusals as Kubernetes writes them: a Status body whose reason clients act upon.

import type { Code } from '../../mesh/catalogue.ts';
import { AmbitError } from '../../runtime/errors.ts';

/** One of the reasons of a refusal. */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** meta/v1 Status. */
export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: object;
  readonly status: 'Failure' | 'Success';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly uid?: string;
    readonly causes?: readonly StatusCause[];
    readonly retryAfterSeconds?: number;
  };
  readonly code?: number;
}

/** What is being refused, as Kubernetes names it. */
export interface Subject {
  readonly resource: string;
  readonly group: string;
  readonly name?: string;
}

/** Refusals whose words clients compare, so that no code is added: it would be of no use to them, or is in
 * the words already. */
const verbatim: ReadonlySet<Code> = new Set<Code>(['AMB1210', 'AMB1690']);

/** A refusal with its HTTP status and Kubernetes reason. */
export class StatusError extends AmbitError {
  readonly status: Status & { readonly code: number };

  constructor(
    code: Code,
    answer: {
      readonly http: number;
      readonly reason: string;
      readonly message: string;
      readonly details?: Status['details'];
      readonly cause?: unknown;
    },
  ) {
    super(code, answer.message, { cause: answer.cause });
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: verbatim.has(code) ? answer.message : `${answer.message} [${code}]`,
      ...(answer.reason === '' ? {} : { reason: answer.reason }),
      ...(answer.details === undefined ? {} : { details: answer.details }),
      code: answer.http,
    };
  }
}

function detailsOf({ resource, group, name }: Subject): NonNullable<Status['details']> {
  return {
    ...(name === undefined ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind: resource,
  };
}

function qualified({ resource, group }: Subject): string {
  return group === '' ? resource : `${resource}.${group}`;
}

/** The object does not exist (404). */
export function notFound(subject: Subject): StatusError {
  return new StatusError('AMB1210', {
    http: 404,
    reason: 'NotFound',
    message: `${qualified(subject)} "${subject.name ?? ''}" not found`,
    details: detailsOf(subject),
  });
}

/** The path itself is unknown: no such group, version or resource. */
export function noSuchPath(): StatusError {
  return new StatusError('AMB1210', {
    http: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  });
}

/** An object of that name exists (409). */
export function alreadyExists(subject: Subject): StatusError {
  return new StatusError('AMB1210', {
    http: 409,
    reason: 'AlreadyExists',
    message: `${qualified(subject)} "${subject.name ?? ''}" already exists`,
    details: detailsOf(subject),
  });
}

/** The object is not the one, or not in the state, that the caller knows (409). */
export function conflict(
  subject: Subject,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
): StatusError {
  return new StatusError('AMB1210', {
    http: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${qualified(subject)} "${subject.name ?? ''}": ${why}`,
    details: detailsOf(subject),
  });
}

/** The object may not be treated so at this time (403). */
export function forbidden(subject: Subject, why: string, causes?: StatusCause[]): StatusError {
  return new StatusError('AMB1210', {
    http: 403,
    reason: 'Forbidden',
    message: `${qualified(subject)} "${subject.name ?? ''}" is forbidden: ${why}`,
    details: { ...detailsOf(subject), ...(causes === undefined ? {} : { causes }) },
  });
}

/** The request itself makes no sense (400). */
export function badRequest(code: Code, message: string, cause?: unknown): StatusError {
  return new StatusError(code, { http: 400, reason: 'BadRequest', message, cause });
}

/** The path does not take this method (405). */
export function methodNotAllowed(what: string): StatusError {
  return new StatusError('AMB1210', {
    http: 405,
    reason: 'MethodNotAllowed',
    message: `the server does not allow this method on the requested resource: ${what}`,
    details: {},
  });
}

/** The watch or list position is older than what is remembered; the client lists again. */
export function expired(message: string): StatusError {
  return new StatusError('AMB1210', { http: 410, reason: 'Expired', message });
}

/** One thing wrong with a field. */
export interface FieldProblem {
  /** Such as `spec.containers[0].name`. */
  readonly field: string;
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueTypeInvalid'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany';
  /** In Kubernetes' own wording, such as `Required value`. */
  readonly message: string;
}

/** The object has fields that its kind does not allow. */
export function invalid(
  kind: { readonly kind: string; readonly group: string },
  name: string,
  problems: readonly FieldProblem[],
): StatusError {
  const texts = problems.map(({ field, message }) => `${field}: ${message}`);
  const text = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  return new StatusError('AMB1203', {
    http: 422,
    reason: 'Invalid',
    message: `${kind.kind}${kind.group === '' ? '' : `.${kind.group}`} "${name}" is invalid: ${text}`,
    details: {
      name,
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.kind,
      causes: problems.map(({ field, reason, message }, index) => ({
        reason,
        message: index === problems.length - 1 ? `${message} [AMB1203]` : message,
        field,
      })),
    },
  });
}
