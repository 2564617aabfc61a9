// Codes 11xx (laptop mode) and 12xx (embedded API server).

import type { CatalogueEntry } from './entry.ts';

export const standaloneCodes = {
  AMB1101: {
    title: 'the kernel does not let this user make network namespaces',
    cause: 'Not root, and unprivileged user namespaces are switched off or restricted.',
    remedy:
      'Run as root, or allow them: sysctl kernel.unprivileged_userns_clone=1 (and kernel.apparmor_restrict_unprivileged_userns=0).',
  },
  AMB1102: {
    title: 'a mesh of this name is running already',
    cause: 'ambit up was called twice, or another user of this machine has a mesh of that name.',
    remedy: 'ambit status shows it; ambit down ends it; ambit up --name NAME starts another one.',
  },
  AMB1103: {
    title: 'a port of this machine is in use',
    cause: 'Another process listens on the port that --port or --publish names.',
    remedy: 'Choose another port, or end the process that has it (ss -ltnp shows which).',
  },
  AMB1104: {
    title: 'the mesh did not become ready',
    cause: 'One of its parts could not be started; the message and the log say which.',
    remedy: 'Read the supervisor log that the message names, correct the cause, ambit up again.',
  },
  AMB1105: {
    title: 'something of a mesh could not be removed',
    cause: 'A process in the kernel cannot be ended, or the file system refuses.',
    remedy: 'The message names what is left; remove it by hand or run ambit down again.',
  },
  AMB1106: {
    title: 'a manifest cannot be read',
    cause: 'The YAML or JSON is malformed, or a document is not a Kubernetes object.',
    remedy: 'Correct the document that the message names; the others are applied meanwhile.',
  },
  AMB1107: {
    title: 'a manifest is refused by the API server',
    cause: 'A field is unknown or has a value that its kind does not allow.',
    remedy: 'Correct the field that the message names; the last accepted version stays in force.',
  },
  AMB1108: {
    title: 'the table of images is not valid',
    cause: '.ambit/images.yaml or --image does not say which program an image name stands for.',
    remedy: 'Write images: {NAME: {command: [WORD, ...]}} in the file, or --image NAME=COMMAND.',
  },
  AMB1109: {
    title: 'no mesh of this name is running',
    cause: 'It was never started, it was ended, or it crashed.',
    remedy: 'ambit up starts it; ambit status --name NAME looks at another one.',
  },
  AMB1110: {
    title: 'the CNI configuration of a node is not valid',
    cause: 'The list in etc/cni/net.d of the node is missing, malformed or names no plugin.',
    remedy: 'Correct the file and field that the message names; pods are retried by themselves.',
  },
  AMB1111: {
    title: 'a CNI plugin failed',
    cause: 'A plugin of the chain could not attach the pod to the network; its words are given.',
    remedy: 'Remove the cause that the plugin names; pods are retried by themselves.',
  },
  AMB1112: {
    title: 'no program stands for the image',
    cause: 'Laptop mode runs processes, not images, and nothing says which one this image means.',
    remedy: 'Give the container a command, or map the image in FOLDER/.ambit/images.yaml.',
  },
  AMB1113: {
    title: 'a volume cannot be mounted',
    cause: 'Pods share the files of this machine, and the mount point is not among them.',
    remedy: 'Make the folder that the message names, or mount the volume below /run.',
  },
  AMB1114: {
    title: 'a pod refers to something that does not exist',
    cause: 'A ConfigMap, Secret, key or field that a volume or variable needs is missing.',
    remedy: 'Create it, or mark the reference as optional; the pod starts as soon as it exists.',
  },
  AMB1115: {
    title: 'a container cannot be started',
    cause: 'Its command or working folder does not exist, or may not be executed.',
    remedy: 'Correct command, args or workingDir of the container that the message names.',
  },
  AMB1116: {
    title: 'no node takes the pod',
    cause: 'The node selector matches no local node, or every matching one is cordoned.',
    remedy: 'Correct nodeSelector, label a node, or kubectl uncordon one.',
  },
  AMB1117: {
    title: 'the command listens on no port that a service can use',
    cause: 'It does not listen yet, or only on 127.0.0.1, which is private to its pod.',
    remedy: 'Let it listen on all addresses (0.0.0.0 or ::), or name the port with --port.',
  },
  AMB1118: {
    title: 'an object is given twice',
    cause: 'Two documents of the folder have the same kind, namespace and name.',
    remedy:
      'Remove or rename one of the two that the message names; the first is in force meanwhile.',
  },
  AMB1119: {
    title: 'the state folder cannot be used',
    cause:
      'It cannot be made, or not be written: a file is in its way, or the file system is read-only.',
    remedy: 'Name a folder that this user may write in AMBIT_STATE_DIR, or correct the one named.',
  },
  AMB1120: {
    title: 'a pod has no such container, log or port',
    cause: 'The pod does not run, has not run before, or has no container of that name.',
    remedy: 'kubectl describe pod shows its containers and why they do not run.',
  },
  AMB1121: {
    title: 'a manifest is kept and has no effect in laptop mode',
    cause:
      'Its kind is served so that the controllers of a cluster can read it; nothing here acts on it.',
    remedy: 'Leave it out, or use what the message names instead.',
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
