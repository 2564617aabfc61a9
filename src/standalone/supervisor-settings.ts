// What the command that starts a supervisor tells it.

/** A port of the machine's loopback that leads to a service. */
export interface PublishedPort {
  readonly hostPort: number;
  readonly service: string;
  readonly namespace: string;
  readonly servicePort: number;
}

export interface SupervisorSettings {
  readonly mesh: string;
  /** The folder that holds the meshes. */
  readonly stateParent: string;
  /** Where the mesh's own sources and manifests are. */
  readonly repository: string;
  readonly nodeCount: number;
  /** Of the listener that is inherited. */
  readonly apiPort: number;
  /** Manifests to apply and follow. */
  readonly folder?: string;
  /** `NAME=COMMAND` as given on the command line, and the folder its words are relative to. */
  readonly images: readonly string[];
  readonly imagesFolder: string;
  readonly publish: readonly PublishedPort[];
  /** End with the command that started it. */
  readonly foreground: boolean;
  /** Run the mesh's own parts; without them there is only the cluster. */
  readonly withMesh: boolean;
  /** Prepare the nodes for the mesh's parts, and leave it to others to apply their manifests. */
  readonly meshLater: boolean;
  /** PATH and HOME of pods. */
  readonly env: Readonly<Record<string, string>>;
}

/** Descriptors that a supervisor inherits: progress, the API server's listener, then one listener for
 * each published port. */
export const progressFd = 3;
export const apiFd = 4;
export const firstPublishedFd = 5;

/** Reads HOSTPORT:SERVICE[.NAMESPACE]:PORT; undefined when the text is something else. */
export function parsePublishedPort(text: string): PublishedPort | undefined {
  const match = /^(\d{1,5}):([a-z0-9-]+)(?:\.([a-z0-9-]+))?:(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, hostPort, service = '', namespace = 'default', servicePort] = match;
  const ports = [Number(hostPort), Number(servicePort)];
  if (ports.some((port) => port < 1 || port > 65_535)) return undefined;
  return { hostPort: ports[0] ?? 0, service, namespace, servicePort: ports[1] ?? 0 };
}
