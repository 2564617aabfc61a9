// What program stands for an image name: laptop mode runs processes, not images. Pure.

import path from 'node:path';

/** Programs by image name without tag or digest. `folder` is where relative words are looked up. */
export interface ImageEntry {
  readonly command: readonly string[];
  readonly folder?: string;
}
export type ImageTable = ReadonlyMap<string, ImageEntry>;

const planes = ['controller', 'ztunnel', 'waypoint'] as const;

/** The images of the mesh's own parts: their sources in this repository, run by this Node. */
export function builtInImages(repository: string): ImageTable {
  const entry = (...parts: string[]): ImageEntry => ({
    command: ['node', path.join(repository, 'src', ...parts)],
  });
  return new Map([
    ...planes.map((plane): [string, ImageEntry] => [`ambit/${plane}`, entry(plane, 'main.ts')]),
    ['ambit/node-agent', entry('cni', 'agent', 'main.ts')],
  ]);
}

/** An image reference without tag, digest and the default registry, as the table has it. */
export function imageName(reference: string): string {
  const withoutDigest = reference.split('@')[0] ?? '';
  const slash = withoutDigest.lastIndexOf('/');
  const colon = withoutDigest.indexOf(':', slash + 1);
  const name = colon === -1 ? withoutDigest : withoutDigest.slice(0, colon);
  return name.replace(/^docker\.io\//, '').replace(/^library\//, '');
}

export type CommandResult =
  | { readonly kind: 'ok'; readonly words: readonly string[]; readonly folder?: string }
  | { readonly kind: 'unknown-image'; readonly image: string };

/** The words to execute for a container: its command and args, or the image's command with its args.
 * The command word `node` is the Node that runs the mesh. */
export function containerCommand(
  container: {
    readonly image?: string;
    readonly command?: readonly string[];
    readonly args?: readonly string[];
  },
  images: ImageTable,
  nodePath: string,
): CommandResult {
  const args = container.args ?? [];
  if (container.command !== undefined && container.command.length > 0) {
    return { kind: 'ok', words: withNode([...container.command, ...args], nodePath) };
  }
  const image = container.image ?? '';
  const entry = images.get(imageName(image));
  if (entry === undefined) return { kind: 'unknown-image', image };
  return {
    kind: 'ok',
    words: withNode([...entry.command, ...args], nodePath),
    ...(entry.folder === undefined ? {} : { folder: entry.folder }),
  };
}

function withNode(words: readonly string[], nodePath: string): string[] {
  return words.map((word, index) => (index === 0 && word === 'node' ? nodePath : word));
}
