// Which TCP ports are listened on in a network namespace, from proc(5)'s net/tcp and net/tcp6. Pure.

export interface ListeningPort {
  readonly port: number;
  /** It takes connections to the namespace's other addresses as well. */
  readonly reachable: boolean;
}

const listenState = '0A';
const loopbacks: ReadonlySet<string> = new Set([
  '0100007F',
  '00000000000000000000000001000000',
  // ::ffff:127.0.0.1
  '0000000000000000FFFF00000100007F',
]);

/** The listening sockets in the text of such a file; lowest port first. */
export function listeningPorts(text: string): ListeningPort[] {
  const found = text.split('\n').flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    if (state !== listenState) return [];
    return [{ port: Number.parseInt(port, 16), reachable: !loopbacks.has(address) }];
  });
  return found.toSorted((left, right) => left.port - right.port);
}

/** Ports that the mesh listens on inside of pods. */
function isMeshPort(port: number): boolean {
  return port >= 15_000 && port < 15_100;
}

export type PortChoice =
  | { readonly kind: 'found'; readonly port: number }
  /** Only the loopback address is listened on. */
  | { readonly kind: 'private'; readonly port: number }
  | { readonly kind: 'none' };

/** The port that a service of the pod should lead to. */
export function choosePort(ports: readonly ListeningPort[]): PortChoice {
  const own = ports.filter(({ port }) => !isMeshPort(port));
  const open = own.find(({ reachable }) => reachable);
  if (open !== undefined) return { kind: 'found', port: open.port };
  const [first] = own;
  return first === undefined ? { kind: 'none' } : { kind: 'private', port: first.port };
}
