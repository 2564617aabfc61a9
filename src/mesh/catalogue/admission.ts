// Codes of admission: the validating webhook, the API server that asks webhooks, and the commands that
// validate and analyze.

import type { CatalogueEntry } from './entry.ts';

export const admissionCodes = {
  AMB1680: {
    title: 'an admission review cannot be read',
    cause:
      'What was sent to the validating webhook is no AdmissionReview of admission.k8s.io/v1 in JSON with a request and its uid.',
    remedy:
      'Only the API server should call /validate. Let the webhook configuration list v1 in admissionReviewVersions.',
  },
  AMB1681: {
    title: 'the kind is not known to the validation',
    cause: 'The validation has no rules for objects of this group and kind.',
    remedy:
      'Correct apiVersion and kind, or take the kind out of the rules of the webhook configuration.',
  },
  AMB1682: {
    title: 'an admission review is too large',
    cause: 'The body is larger than any object that the API server would store.',
    remedy: 'Split the object into several smaller ones.',
  },
  AMB1683: {
    title: 'an object has an unknown field at its top',
    cause:
      'Beside apiVersion, kind, metadata, spec and status there is another field, often one of spec that is indented too little.',
    remedy: 'Move the field below spec, or remove it.',
  },
  AMB1684: {
    title: 'an annotation is not allowed there',
    cause:
      'The annotation is reserved for internal use, is on a kind that does not read it, or has a value that it cannot have.',
    remedy: 'Remove the annotation, or correct its value as the message says.',
  },
  AMB1685: {
    title: 'the dry run that proves the webhook was refused',
    cause:
      'The controller offers an object that must never be accepted, in a dry run, to learn whether the API server reaches its webhook.',
    remedy: 'Nothing is to be done. Do not set the annotation on objects of yours.',
  },
  AMB1686: {
    title: 'the validating webhook is not in force yet',
    cause:
      'The API server accepted, in a dry run, an object that the webhook always refuses: it cannot reach the webhook, so invalid objects get in.',
    remedy:
      'See the logs of the API server for "failed calling webhook". Its nodes must reach port 15017 of the controller; NetworkPolicies and firewalls of private clusters often forbid that. Until then failurePolicy stays Ignore.',
  },
  AMB1687: {
    title: 'the webhook configuration cannot be kept as it must be',
    cause:
      'The controller may not read or change it, or something else changes it again and again.',
    remedy:
      'Give the controller the permissions of deploy/controller, and let nothing else write caBundle and failurePolicy of the configuration.',
  },
  AMB1690: {
    title: 'an admission webhook refused the object',
    cause: 'A webhook that is asked about objects of this kind found the object not acceptable.',
    remedy: 'Correct what the message names; where it has a code, ambit explain tells more.',
  },
  AMB1691: {
    title: 'an admission webhook cannot be asked',
    cause:
      'The webhook does not answer, not in time or not as it must, and its failurePolicy is Fail.',
    remedy:
      'Bring back what serves the webhook (for validation.istio.io the controller, Deployment istiod), or delete the ValidatingWebhookConfiguration to go on without it.',
  },
  AMB1692: {
    title: 'objects are not valid',
    cause: 'Validation found at least one object that would be refused.',
    remedy: 'Correct the fields that are named; ambit explain CODE tells more about each.',
  },
  AMB1693: {
    title: 'a file cannot be validated',
    cause: 'The file or folder does not exist, cannot be read, or is no YAML or JSON.',
    remedy: 'Correct the path, or what the message says of the file.',
  },
  AMB1694: {
    title: 'analysis found problems',
    cause: 'At least one finding is as serious as --failure-threshold says.',
    remedy: 'Correct what is named, or leave it out with -S CODE=KIND NAME.NAMESPACE.',
  },
  AMB1695: {
    title: 'a reference leads nowhere',
    cause: 'The object names a host, subset, gateway, secret or provider that does not exist.',
    remedy:
      'Create what is named, or correct the name; short names belong to the namespace of the object.',
  },
  AMB1696: {
    title: 'an object has no effect, or not the one meant',
    cause:
      'What it selects or names does not exist, is ambiguous, or belongs to a mode of the mesh that ambient does not have.',
    remedy: 'Correct what the message names, or remove the object.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
