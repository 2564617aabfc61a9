// Asks all webhooks that want to see a request, and refuses it as their answers and failure policies say.

import type { Logger } from '../../../runtime/log.ts';
import { badRequest, StatusError } from '../api-error.ts';
import type { AdmissionRequest, Verdict } from './admission-review.ts';
import { type CallOutcome, callWebhook, type WebhookReach } from './call-webhook.ts';
import { matchingVersion, mayConcern } from './matches.ts';
import { configurationsKind, type Webhook, webhooksOf } from './webhook.ts';

/** What admission works on. */
export interface Admission extends WebhookReach {
  readonly log: Logger;
}

/** A request and the webhook that wants to see it, in a version of the kind. */
interface Question {
  readonly webhook: Webhook;
  readonly version: string;
}

/** Whether any webhook may want to see requests on a resource; those on others cost nothing. */
export function concernsWebhooks(
  { table }: WebhookReach,
  resource: Pick<AdmissionRequest, 'group' | 'resource' | 'subresource'>,
): boolean {
  return table
    .list(configurationsKind)
    .some((configuration) =>
      webhooksOf(configuration).some((webhook) => mayConcern(webhook, resource)),
    );
}

/** Puts a request to its webhooks, all at once. `warn` takes their warnings. Throws StatusError when one
 * denies it, or cannot be asked and fails closed. */
export async function admit(
  admission: Admission,
  request: AdmissionRequest,
  warn: (text: string) => void,
): Promise<void> {
  const questions = admission.table
    .list(configurationsKind)
    .toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1))
    .flatMap(webhooksOf)
    .flatMap((webhook): Question[] => {
      const version = matchingVersion(webhook, request);
      return version === undefined ? [] : [{ webhook, version }];
    });
  for (const { webhook } of questions) {
    if (!request.dryRun || webhook.allowsDryRun) continue;
    throw badRequest('AMB1203', `admission webhook "${webhook.name}" does not support dry run`);
  }
  const outcomes = await Promise.all(
    questions.map(async ({ webhook, version }) => ({
      webhook,
      outcome: await callWebhook(admission, webhook, request, version),
    })),
  );
  const refusals = outcomes.flatMap(({ webhook, outcome }) => {
    if (outcome.kind === 'answered') for (const text of outcome.verdict.warnings) warn(text);
    return refusalOf(admission, webhook, outcome) ?? [];
  });
  if (refusals[0] !== undefined) throw refusals[0];
}

function refusalOf(
  { log }: Admission,
  webhook: Webhook,
  outcome: CallOutcome,
): StatusError | undefined {
  const { name } = webhook;
  if (outcome.kind === 'answered') {
    return outcome.verdict.allowed ? undefined : denial(name, outcome.verdict);
  }
  const message = `failed calling webhook ${JSON.stringify(name)}: ${outcome.problem}`;
  if (webhook.failsOpen) {
    log.warn({ code: 'AMB1691', webhook: name }, `${message}; failurePolicy Ignore lets it pass`);
    return undefined;
  }
  return new StatusError('AMB1691', {
    http: 500,
    reason: 'InternalError',
    message: `Internal error occurred: ${message}`,
    details: { causes: [{ message }] },
  });
}

/** In Kubernetes' words, which tools look for. */
function denial(name: string, { message, reason, code }: Verdict): StatusError {
  const why =
    message !== '' ? `: ${message}` : reason !== '' ? `: ${reason}` : ' without explanation';
  return new StatusError('AMB1690', {
    http: Math.max(400, code),
    reason,
    message: `admission webhook ${JSON.stringify(name)} denied the request${why}`,
  });
}
