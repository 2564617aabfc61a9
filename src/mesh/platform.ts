// What kind of cluster a node belongs to, where its container runtime looks for CNI plugins, and which
// network plugin it has. Pure tables: the marks are what these platforms put on their nodes.

/** What is known of a node. */
export interface NodeMarks {
  readonly labels: Readonly<Record<string, string>>;
  /** From the status of the node: `v1.33.1+k3s1`. */
  readonly kubeletVersion: string;
  readonly osImage: string;
}

/** The runtime's folders, as paths of the node. */
export interface RuntimeFolders {
  readonly plugins: string;
  readonly configurations: string;
}

/** A platform, by what it was recognized, and its folders. */
export interface Platform extends RuntimeFolders {
  readonly name: string;
  readonly because: string;
}

const usual: RuntimeFolders = { plugins: '/opt/cni/bin', configurations: '/etc/cni/net.d' };
const rancher = '/var/lib/rancher/k3s';
const microk8s = '/var/snap/microk8s/current';

interface Recognized {
  readonly name: string;
  /** What gives the platform away, if it does. */
  readonly mark: (node: NodeMarks) => string | undefined;
  readonly folders: RuntimeFolders;
}

/** The first that fits counts: k3d runs k3s. */
const platforms: readonly Recognized[] = [
  {
    name: 'GKE',
    mark: ({ labels }) =>
      labelled(labels, 'cloud.google.com/gke-nodepool', 'cloud.google.com/gke-os-distribution'),
    folders: { ...usual, plugins: '/home/kubernetes/bin' },
  },
  {
    name: 'OpenShift',
    mark: ({ labels }) => labelled(labels, 'node.openshift.io/os_id'),
    // What Multus calls; its own configuration is written by an operator.
    folders: { plugins: '/var/lib/cni/bin', configurations: '/etc/cni/multus/net.d' },
  },
  {
    name: 'EKS',
    mark: ({ labels, kubeletVersion }) =>
      labelled(
        labels,
        'eks.amazonaws.com/nodegroup',
        'alpha.eksctl.io/nodegroup-name',
        'eks.amazonaws.com/compute-type',
      ) ?? versioned(kubeletVersion, '-eks-'),
    folders: usual,
  },
  {
    name: 'k3d',
    // Its nodes are containers of the image of k3s, which says so.
    mark: ({ osImage, kubeletVersion }) =>
      osImage.startsWith('K3s') ? versioned(kubeletVersion, '+k3s') : undefined,
    folders: { plugins: '/bin', configurations: `${rancher}/agent/etc/cni/net.d` },
  },
  {
    name: 'k3s',
    mark: ({ kubeletVersion }) => versioned(kubeletVersion, '+k3s'),
    folders: {
      plugins: `${rancher}/data/cni`,
      configurations: `${rancher}/agent/etc/cni/net.d`,
    },
  },
  {
    name: 'MicroK8s',
    mark: ({ labels }) => labelled(labels, 'microk8s.io/cluster'),
    folders: {
      plugins: `${microk8s}/opt/cni/bin`,
      configurations: `${microk8s}/args/cni-network`,
    },
  },
  {
    name: 'minikube',
    mark: ({ labels }) => labelled(labels, 'minikube.k8s.io/name', 'minikube.k8s.io/version'),
    folders: usual,
  },
];

/** The name of a platform that is none of those known. */
export const unknownPlatform = 'generic';

/** Recognizes a node's platform; a node without marks is taken to be as most are. */
export function recognizePlatform(node: NodeMarks): Platform {
  for (const { name, mark, folders } of platforms) {
    const because = mark(node);
    if (because !== undefined) return { name, because, ...folders };
  }
  return { name: unknownPlatform, because: 'no marks of a platform that is known', ...usual };
}

/** What is said where the folders that the agent was given are not those of the platform; undefined
 * where they are. What was given counts: an operator may know better. */
export function folderMismatch(given: RuntimeFolders, platform: Platform): string | undefined {
  if (platform.name === unknownPlatform) return undefined;
  const wrong: string[] = [];
  if (given.plugins !== platform.plugins) {
    wrong.push(
      `plugins are installed in ${given.plugins} (CNI_BIN_DIR), where it has ${platform.plugins}`,
    );
  }
  if (given.configurations !== platform.configurations) {
    const { configurations } = given;
    wrong.push(
      `configurations are looked for in ${configurations} (CNI_NET_DIR), where it has ${platform.configurations}`,
    );
  }
  if (wrong.length === 0) return undefined;
  return `the node is one of ${platform.name} (${platform.because}), but ${wrong.join(', and ')}`;
}

/** A network plugin that rewrites configurations, and what makes it leave ours alone. */
export interface NetworkProvider {
  readonly name: string;
  readonly advice: string | undefined;
}

const providers: readonly (NetworkProvider & { readonly types: readonly string[] })[] = [
  {
    name: 'Cilium',
    types: ['cilium-cni'],
    advice:
      'Cilium removes the plugins of others unless it is told not to: set cni.exclusive=false in its Helm values',
  },
  {
    name: 'Multus',
    types: ['multus', 'multus-shim'],
    advice:
      'Multus writes its own configuration anew: install the plugin in the folder of the network that it delegates to',
  },
  {
    name: 'Calico',
    types: ['calico'],
    advice:
      'the install-cni container of calico-node writes its configuration anew whenever it starts',
  },
  {
    name: 'Amazon VPC CNI',
    types: ['aws-cni'],
    advice: 'aws-node writes 10-aws.conflist anew whenever it starts',
  },
  { name: 'Azure CNI', types: ['azure-vnet'], advice: undefined },
  { name: 'OVN-Kubernetes', types: ['ovn-k8s-cni-overlay'], advice: undefined },
  {
    name: 'Antrea',
    types: ['antrea'],
    advice: 'antrea-agent writes its configuration anew whenever it starts',
  },
  {
    name: 'Flannel',
    types: ['flannel'],
    advice: 'flannel copies its configuration from a ConfigMap whenever it starts',
  },
  { name: 'kindnet', types: ['ptp', 'kindnet'], advice: undefined },
  { name: 'a bridge', types: ['bridge'], advice: undefined },
];

/** The network plugin of a chain, by its plugins' types. */
export function networkProvider(types: readonly string[]): NetworkProvider {
  const found = providers.find((one) => one.types.some((type) => types.includes(type)));
  return found ?? { name: types[0] ?? 'unknown', advice: undefined };
}

function labelled(labels: NodeMarks['labels'], ...keys: string[]): string | undefined {
  const key = keys.find((one) => labels[one] !== undefined);
  return key === undefined ? undefined : `label ${key}=${labels[key]}`;
}

function versioned(version: string, part: string): string | undefined {
  return version.includes(part) ? `kubelet ${version}` : undefined;
}
