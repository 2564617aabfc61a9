// Codes 13xx: the CNI plugin and the node agent.

import type { CatalogueEntry } from './entry.ts';

export const nodeCodes = {
  AMB1301: {
    title: 'the CNI request is not valid',
    cause:
      'The container runtime called the plugin with a missing variable or unreadable configuration.',
    remedy:
      'Check the CNI configuration list of the node; the message names the variable or field.',
  },
  AMB1302: {
    title: 'the node agent does not answer the CNI plugin',
    cause:
      'No node agent listens on this node, or it did not answer in time. Pods do not start without it, because they would run unprotected.',
    remedy:
      'See that the DaemonSet istio-cni-node has a ready pod on this node; the pod is tried again by itself.',
  },
  AMB1303: {
    title: 'the node agent did not let the pod start',
    cause: 'The pod belongs into the mesh and could not be enrolled.',
    remedy:
      'The message carries what the node agent said, with its own code: follow that; the pod is tried again by itself.',
  },
  AMB1304: {
    title: 'the redirection rules of a pod could not be changed',
    cause: 'nft or ip failed inside the network namespace of the pod.',
    remedy:
      'The message carries what the tool said. The node agent needs CAP_NET_ADMIN and CAP_SYS_ADMIN, and the kernel nf_tables with nat, route and connection tracking.',
  },
  AMB1305: {
    title: 'the network namespace of a pod was not found',
    cause:
      'No network namespace on this node owns the addresses of the pod, more than one does, or the one named by the runtime cannot be opened or is that of the node.',
    remedy:
      'See that NETNS_DIR of the node agent shows the namespaces of the container runtime (mount propagation HostToContainer), or that HOST_PROC is the /proc of the node.',
  },
  AMB1306: {
    title: 'no ztunnel is connected to the node agent',
    cause: 'A pod cannot join the mesh while nobody on the node would take its traffic.',
    remedy:
      'See why ztunnel on this node is not running or not connected to the socket ZTUNNEL_UDS_ADDRESS; the pod is tried again by itself.',
  },
  AMB1307: {
    title: 'ztunnel did not take a pod',
    cause: 'ztunnel answered with an error, or not in time, when the node agent handed it the pod.',
    remedy:
      'The message carries what ztunnel said; its log has more. The pod is tried again by itself.',
  },
  AMB1308: {
    title: 'a mesh annotation of a pod is not valid',
    cause: 'The value cannot be read; the pod is treated as if the annotation were absent.',
    remedy: 'Correct the annotation that the message names; the node agent follows the change.',
  },
  AMB1309: {
    title: 'the exemption of probes could not be installed',
    cause:
      'nft failed in the network namespace of the node, so probes of the kubelet would be taken for plaintext traffic.',
    remedy:
      'The node agent must run in the network namespace of the node (hostNetwork) with CAP_NET_ADMIN; it tries again by itself.',
  },
  AMB1310: {
    title: 'a starting pod is not known to the API server',
    cause:
      'The container runtime announced a pod that the node agent can find neither in its cache nor at the API server.',
    remedy:
      'If the pod was not deleted meanwhile, check the connection of the node agent to the API server; the pod is tried again by itself.',
  },
  AMB1311: {
    title: 'the node agent cannot watch the API server',
    cause: 'Listing or watching pods or namespaces failed.',
    remedy:
      'Check the API server and the rights of the ServiceAccount ztunnel (get, list, watch pods and namespaces); the watch starts again by itself.',
  },
  AMB1312: {
    title: 'a ztunnel broke the rules of the node protocol',
    cause:
      'A process connected to the socket of the node agent and did not say hello, or answered what was not asked.',
    remedy:
      'See which process connected to ZTUNNEL_UDS_ADDRESS and that its version speaks ZDS version 1.',
  },
  AMB1313: {
    title: 'the status of a pod could not be written',
    cause: 'The API server refused the annotation that tells the controller of an enrolled pod.',
    remedy:
      'Check the rights of the ServiceAccount ztunnel (patch pods/status); the pod is tried again by itself.',
  },
  AMB1314: {
    title: 'the redirection rules of a pod were changed by somebody else',
    cause: 'What the kernel lists in the network namespace of the pod is not what was installed.',
    remedy:
      'The node agent puts the rules back; find out who changes the tables istio-ambient-* in the pod.',
  },
  AMB1315: {
    title: 'a pod is in quarantine',
    cause:
      'The node agent could not prove that the traffic of the pod is redirected, nor repair it. All TCP of the pod but probes is denied until it can.',
    remedy:
      'The message says what is wrong and what failed: correct that. The quarantine is lifted by itself; taking the pod out of the mesh lifts it too.',
  },
  AMB1316: {
    title: 'a pod that should be in quarantine could not be denied',
    cause:
      'The redirection of the pod is not proven, and nft failed in its network namespace, so nothing holds its traffic back.',
    remedy: 'Stop the pod, or repair nft on the node; the message carries what the tool said.',
  },
  AMB1320: {
    title: 'the kernel of the node cannot run the mesh',
    cause:
      'A trial in an empty network namespace failed: entering it, the rules of a pod with nft, or a transparent socket. Nothing on the node was changed.',
    remedy:
      'The message names the step and what the tool said. The node agent needs CAP_NET_ADMIN and CAP_SYS_ADMIN and the programs nft and ip; the kernel needs nf_tables with nat, route and connection tracking (modules nf_tables, nft_ct, nft_nat, nft_redir, nft_chain_nat) and 5.4 or newer.',
  },
  AMB1321: {
    title: 'the node has no network configuration yet',
    cause:
      'The CNI folder of the node holds no valid configuration of a network plugin, which the plugin of the mesh comes after.',
    remedy:
      "Install the cluster's network plugin, or point MOUNTED_CNI_NET_DIR and CNI_NET_DIR to the folder that the container runtime reads; the node agent waits.",
  },
  AMB1322: {
    title: 'a network configuration of the node is not valid',
    cause: 'A file in the CNI folder cannot be read as a configuration. It is left as it is.',
    remedy:
      'Correct or remove the file that the message names: some runtimes take no other one while it is there.',
  },
  AMB1323: {
    title: 'two meshes are installed on the node',
    cause: 'The network configuration calls the plugin of another mesh beside that of this one.',
    remedy:
      'Uninstall one of them. While both are there, see that no pod is selected by both: they redirect the same traffic.',
  },
  AMB1324: {
    title: "the mesh's own network configuration does not come first",
    cause:
      'ISTIO_OWNED_CNI_CONFIG asks for a file of our own, but another name comes before it in the order in which container runtimes choose, so new pods would not come by the plugin.',
    remedy:
      'Set ISTIO_OWNED_CNI_CONFIG_FILENAME to a name that sorts before the one in the message.',
  },
  AMB1325: {
    title: 'the network configuration of the node cannot be changed',
    cause: 'Reading or writing the CNI folder of the node failed.',
    remedy:
      'See that MOUNTED_CNI_NET_DIR is a writable mount of CNI_NET_DIR; the node agent tries again by itself.',
  },
  AMB1326: {
    title: 'the CNI plugin cannot be installed',
    cause:
      "The plugin's program is not in the image, or the node's folder of plugins cannot be written.",
    remedy:
      'See that CNI_PLUGIN names the program and that MOUNTED_CNI_BIN_DIR is a writable mount of CNI_BIN_DIR with 200 MB free; on hosts with a read-only /opt choose another folder of the container runtime.',
  },
  AMB1327: {
    title: 'the CNI plugin on the node is incomplete',
    cause:
      "The launcher in the runtime's folder of plugins found no executable to start: somebody removed its folder .ambit-cni, or CNI_BIN_DIR is not the folder's path on the node.",
    remedy:
      'See that the DaemonSet istio-cni-node has a ready pod on this node, which puts it back, and that CNI_BIN_DIR is right.',
  },
  AMB1328: {
    title: 'somebody rewrites the network configuration of the node',
    cause:
      'Another agent took the plugin of the mesh out of the configuration, and the node agent put it back. Pods that started in between are enrolled as running pods are.',
    remedy:
      "Have the network plugin leave the configuration alone (Cilium: cni.exclusive=false), or set ISTIO_OWNED_CNI_CONFIG=true, which keeps the mesh's configuration in a file of its own.",
  },
  AMB1329: {
    title: "the node agent was given CNI folders that are not the platform's",
    cause:
      'The node shows the marks of a platform whose container runtime looks for plugins or configurations elsewhere.',
    remedy:
      'Set the folders of the platform (Helm: cni.cniBinDir and cni.cniConfDir, or global.platform), unless you know that this node is different.',
  },
  AMB1330: {
    title: "the node's own object cannot be read or changed",
    cause: 'The API server did not answer, or did not let the node agent read or untaint its node.',
    remedy:
      'Check the rights of the ServiceAccount istio-cni: get nodes, and patch nodes where UNTAINT_NODE is true; it is tried again by itself.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
