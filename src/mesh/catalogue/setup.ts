// Codes 10xx (set-up, kernel, settings) and 18xx (command line).

import type { CatalogueEntry } from './entry.ts';

export const setupCodes = {
  AMB1001: {
    title: 'npm dependencies could not be installed',
    cause: 'npm install failed, for want of a network or of disk space.',
    remedy: 'Run npm install by hand and read its output.',
  },
  AMB1002: {
    title: 'a Debian package is missing',
    cause: 'The mesh programs the kernel with nft and ip, which are not installed.',
    remedy: 'As root: apt-get install nftables iproute2.',
  },
  AMB1003: {
    title: 'no Node that is new enough',
    cause:
      'The pinned Node package of this platform is not installed and the machine has an older one.',
    remedy: 'Run npm install on linux-x64 or linux-arm64, or install Node 24.12 or newer.',
  },
  AMB1004: {
    title: 'a setting is not valid',
    cause: 'An environment variable or flag has a value of the wrong form.',
    remedy: 'Correct the settings that the message names; it lists all of them at once.',
  },
  AMB1005: {
    title: 'an internal error',
    cause: 'A defect of Ambit.',
    remedy: 'Please report it with the message, the cause chain and the log around it.',
  },
  AMB1032: {
    title: 'an npm package that an image needs is missing',
    cause: 'It is not installed, or npm could not install it for the architecture of the image.',
    remedy:
      'Run npm install and read its output; for another architecture npm must reach its registry.',
  },
  AMB1033: {
    title: 'a Debian package that an image needs could not be fetched',
    cause: 'apt knows no such package, has no network, or the package could not be unpacked.',
    remedy:
      'Build images on Debian 12, with the sources of apt reachable; the message has the words of apt.',
  },
  AMB1034: {
    title: 'an image would lack a file',
    cause:
      'A program or a library that one is linked with is in none of the Debian packages that the image is made from.',
    remedy: 'Add the package to tools/images/parts.ts, or build on Debian 12.',
  },
  AMB1035: {
    title: 'an image could not be packed',
    cause: 'GNU tar failed, mostly for want of disk space.',
    remedy: 'The message has its words; an archive needs about 300 MB while it is made.',
  },
  AMB1036: {
    title: 'the roles of a caller do not allow a request',
    cause:
      'No role that is bound to the ServiceAccount has a rule for this verb and resource. Laptop mode decides so as a cluster does.',
    remedy:
      'Bind a role with such a rule to the ServiceAccount, by a RoleBinding or ClusterRoleBinding; those of the mesh itself are in deploy/.',
  },
  AMB1801: {
    title: 'the command line is not understood',
    cause: 'An unknown command, an unknown flag or a missing argument.',
    remedy: 'ambit help lists the commands; ambit COMMAND --help lists its flags.',
  },
  AMB1802: {
    title: 'no such error code',
    cause: 'The code given to ambit explain is not in the catalogue.',
    remedy: 'Codes look like AMB1234; docs/errors.md lists them all.',
  },
  AMB1803: {
    title: 'no kubeconfig that can be used',
    cause: 'No mesh is up on this machine and KUBECONFIG names no readable file.',
    remedy: 'Start a mesh with ambit up, or set KUBECONFIG to the kubeconfig of the cluster.',
  },
  AMB1804: {
    title: 'the API server did not answer as expected',
    cause: 'It is not running, refused the token, or could not reach the pod that was asked.',
    remedy:
      'ambit status tells whether the mesh is up; the message has the address and the answer.',
  },
  AMB1805: {
    title: 'no proxy of the mesh was found',
    cause: 'No pod with the label app=ztunnel and no waypoint runs in this cluster.',
    remedy: 'ambit status, or kubectl get pods -n istio-system, shows what runs.',
  },
  AMB1806: {
    title: 'ambit why does not know a name',
    cause: 'No pod, Deployment, app label or service of the cluster has the name that was given.',
    remedy: 'kubectl get pods,services -A lists the names; write NAMESPACE/NAME or an address.',
  },
  AMB1807: {
    title: 'a pod of the mesh runs another proxy',
    cause:
      'Its admin port answers, and keeps no decisions: it is a stock ztunnel or an Envoy, say.',
    remedy: 'Read its own log with kubectl logs; the proxies of Ambit still tell of their side.',
  },
  AMB1808: {
    title: 'the new certificate authority cannot be used',
    cause: 'A file of it is missing, is no PEM, or its key is not that of its certificate.',
    remedy:
      'The folder needs ca-cert.pem (CA:TRUE), its ca-key.pem and root-cert.pem; nothing was changed yet.',
  },
  AMB1809: {
    title: 'not every proxy has followed in time',
    cause:
      'A proxy did not answer, or still holds certificates from before the change: it does not get on with the controller, or its node is slow to bring the roots up to date.',
    remedy:
      'See that the proxies that the message names are ready; then run the same command again, which goes on where it was.',
  },
  AMB1830: {
    title: 'the mesh of a benchmark did not come up',
    cause:
      'ambit up failed, a pod did not become ready, or traffic did not take the path to measure.',
    remedy:
      'Read the message; ambit up on this machine should work first. Run it again with less load.',
  },
  AMB1831: {
    title: 'a measurement had errors',
    cause: 'A program or a connection failed while it was measured, or did not end in time.',
    remedy: 'Do not use the figures of that path; the notes below the measurement say what failed.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
