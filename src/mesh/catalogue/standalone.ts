// Codes 11xx (laptop mode) and 12xx (embedded API server).

import type { CatalogueEntry } from './entry.ts';

export const standaloneCodes = {
  AMB1101: {
    title: 'the kernel does not let this user make network namespaces',
    cause: 'Not root, and unprivileged user namespaces are switched off or restricted.',
    remedy:
      'Run as root, or allow them: sysctl kernel.unprivileged_userns_clone=1 (and kernel.apparmor_restrict_unprivileged_userns=0).',
  },
  AMB1201: {
    title: 'a request body could not be read',
    cause: 'The YAML or JSON that was sent is malformed, or it is not a Kubernetes object.',
    remedy: 'Correct the text at the line and column that the message names.',
  },
  AMB1202: {
    title: 'an object has unknown or repeated fields',
    cause: 'A field name is misspelt, in the wrong place, or given twice.',
    remedy:
      'Correct the fields that the message names; kubectl explain KIND lists those that exist.',
  },
  AMB1203: {
    title: 'an object is not valid',
    cause: 'A field is missing or has a value that its kind does not allow.',
    remedy: 'Correct the fields that the message names; nothing was changed.',
  },
  AMB1204: {
    title: 'the state file cannot be written',
    cause: 'The disk or the quota of the state folder is full, or it is read-only.',
    remedy: 'Free some space there and try again; what was stored stays readable meanwhile.',
  },
  AMB1205: {
    title: 'the state file cannot be read',
    cause: 'It is damaged, not a state file of ours, or its permissions do not allow it.',
    remedy:
      'Correct the permissions, or move the file that the message names away and apply the manifests again.',
  },
  AMB1206: {
    title: 'the API server cannot listen on its port',
    cause: 'Another process has the port, or this user may not open it.',
    remedy: 'Stop the other process (ss -ltnp shows it) or choose another port.',
  },
  AMB1207: {
    title: 'the embedded API server does not offer this',
    cause: 'Laptop mode serves what applications and meshes need, not all of Kubernetes.',
    remedy: 'Use a whole cluster for it; kubectl api-resources lists what is served here.',
  },
  AMB1208: {
    title: 'the caller is not known',
    cause: 'The request carries no token, or one that is expired or of another mesh.',
    remedy: 'Use the kubeconfig in the state folder of this mesh (ambit status names it).',
  },
  AMB1209: {
    title: 'the pod cannot be reached',
    cause: 'Its process is not running, or nothing listens on that port inside of it.',
    remedy: 'Look at kubectl get pod and kubectl logs of the pod that the message names.',
  },
  AMB1210: {
    title: 'the API server refused the request',
    cause: 'The object does not exist, exists already, or was changed by somebody else meanwhile.',
    remedy: 'Read the object again and repeat the change.',
  },
  AMB1211: {
    title: 'a request is too large',
    cause: 'The body is larger than the API server takes.',
    remedy: 'Split the object into several smaller ones.',
  },
  AMB1212: {
    title: 'a service address cannot be given',
    cause: 'It is outside of the service range, taken by another Service, or the range is used up.',
    remedy: 'Leave spec.clusterIP out, or choose an unused address of the range in the message.',
  },
  AMB1213: {
    title: 'a key or certificate of the API server cannot be used',
    cause: 'A file in the pki folder is damaged or belongs to something else.',
    remedy: 'Remove the pki folder that the message names; it is made anew at the next start.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
