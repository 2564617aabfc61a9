// Codes of the commands that work on a cluster.

import type { CatalogueEntry } from './entry.ts';

export const clusterCommandCodes = {
  AMB1832: {
    title: 'The cluster did not take an object',
    cause: 'The API server, or a webhook that it asks, refused what the command wrote.',
    remedy:
      'Read the reason: a missing permission, a field that this version does not know, or a policy of the cluster.',
  },
  AMB1833: {
    title: 'A port of a pod cannot be reached',
    cause:
      'The pod does not run, nothing listens on the port, or the API server does not forward to it for this user.',
    remedy:
      'Read the reason: start the pod, or ask for the permission to get and create pods/portforward in its namespace.',
  },
  AMB1834: {
    title: 'What should be the dump of a node proxy is none',
    cause: 'The file is another one, or the pod runs another program than a ztunnel.',
    remedy:
      'Take a dump with ambit ztunnel-config all -o json, or from /config_dump of port 15000 of a ztunnel.',
  },
  AMB1835: {
    title: 'No such node proxy',
    cause: 'No pod of the cluster is the ztunnel that was named, or on the node that was named.',
    remedy:
      'The message has those that there are; name one as NAME.NAMESPACE, or its node by --node.',
  },
  AMB1836: {
    title: 'No controller in this cluster',
    cause: 'No pod has the label app=istiod in the namespace of the mesh.',
    remedy: 'Name the namespace by --istioNamespace, or install the mesh.',
  },
  AMB1837: {
    title: 'The controller does not tell this',
    cause: 'It is another program or another version, such as a stock istiod.',
    remedy: 'Use istioctl for a stock istiod; upgrade a controller that is older than the command.',
  },
  AMB1838: {
    title: 'A proxy is not connected to the controller',
    cause:
      'It is starting, cannot reach port 15012 of the controller, or is refused by it; what it knows is what it had.',
    remedy: 'Look at the log of the proxy (kubectl logs) and of the controller for its name.',
  },
  AMB1839: {
    title: 'No pod of the waypoint runs',
    cause: 'There is no such Gateway, or its pods have yet to start.',
    remedy: 'ambit waypoint list -A has the waypoints; ambit waypoint status tells why one waits.',
  },
  AMB1842: {
    title: 'The version of Kubernetes is not one that the mesh runs on',
    cause: 'The API server is older than 1.30, or tells no version.',
    remedy: 'Upgrade the cluster to 1.30 or newer.',
  },
  AMB1843: {
    title: 'A permission is missing',
    cause: 'The user of the kubeconfig may not do something that installing needs.',
    remedy: 'Ask an administrator for the verb and resource that are named, or install as one.',
  },
  AMB1844: {
    title: 'Another installation is in the way',
    cause:
      'Another mesh, or this one from another tool or in another namespace, has the same names or serves the same pods.',
    remedy:
      'Remove the other one, go on with the tool that installed it, or say --force to take over what it left.',
  },
  AMB1845: {
    title: 'The Gateway API is missing or too old',
    cause: 'Waypoints and routes are kinds of the Gateway API, which brings its own definitions.',
    remedy:
      'Install the standard channel of the Gateway API, 1.1 or newer, from its project; the controller takes it up without a restart.',
  },
  AMB1846: {
    title: 'A node cannot be in the mesh',
    cause: 'Its kernel is older than 5.2, it is no Linux, or there is no image for its machine.',
    remedy: 'Upgrade the node, or keep pods of the mesh from it by labels and node selectors.',
  },
  AMB1847: {
    title: "The cluster's network plugin needs a setting",
    cause: 'With its present settings new pods are not enrolled, or probes of their nodes fail.',
    remedy: 'Change the setting that is named, as docs/install.md tells for each platform.',
  },
  AMB1848: {
    title: 'An admission webhook of somebody else does not answer',
    cause:
      'It is asked about objects such as those of the mesh, its service has no endpoint, and it fails closed.',
    remedy: 'Bring its pods back, or remove its configuration if it is a leftover.',
  },
  AMB1849: {
    title: 'A part of the mesh does not become ready',
    cause:
      'Its image cannot be fetched, no node takes it, or it ends; the message tells what its pods wait for.',
    remedy:
      'Read the reasons, then kubectl logs and kubectl describe of the pods; install again afterwards.',
  },
  AMB1850: {
    title: 'A value is not valid',
    cause: '--set has no NAME=VALUE, an unknown name, or a value of the wrong form.',
    remedy: 'ambit install --help lists the names; other settings are PART.env.NAME.',
  },
  AMB1851: {
    title: 'The mesh is not installed',
    cause: 'The cluster has no controller of this mesh in this namespace.',
    remedy:
      'Look at the context of the kubeconfig and at --istioNamespace; ambit install installs.',
  },
  AMB1852: {
    title: 'Something of the mesh is left on the cluster',
    cause: 'An object was not removed in time, or a finalizer holds it.',
    remedy: 'The objects are named: look at their finalizers, and uninstall again.',
  },
  AMB1853: {
    title: 'Nobody can be asked',
    cause: 'The command wants a yes before it changes the cluster, and runs without a terminal.',
    remedy: 'Say -y where the answer is known.',
  },
  AMB1854: {
    title: 'The version cannot be taken back',
    cause: 'A newer version is installed than the one that this command line brings.',
    remedy: 'Use the command line of the newer version, or --force when you know that both agree.',
  },
  AMB1855: {
    title: 'The manifests cannot be read',
    cause: 'The folder deploy/ that belongs to the command line is incomplete or was changed.',
    remedy: 'Check the file that is named, or install the command line again.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
