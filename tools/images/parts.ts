// The table of images: which program each one runs, as whom, and what it needs beside Node.

/** Programs of Debian packages, by the package that brings them. */
export type Programs = Readonly<Record<string, readonly string[]>>;

export interface ImagePart {
  /** The image is `REGISTRY/NAME:TAG`. */
  readonly name: 'controller' | 'node-agent' | 'ztunnel' | 'waypoint';
  readonly description: string;
  /** Its program, below `src`. */
  readonly entry: string;
  /** Numbers, since `runAsNonRoot` is decided without reading the image's user names. */
  readonly user: string;
  readonly programs: Programs;
  /** Whether it brings the CNI plugin, which it puts on nodes. */
  readonly plugin: boolean;
  readonly ports: readonly number[];
}

/** The user of parts that need no privilege; Istio's proxies use the same number. */
const ordinaryUser = '1337:1337';
/** Entering the networks of pods needs capabilities, which an ordinary user loses at exec. */
const root = '0:0';

export const parts: readonly ImagePart[] = [
  {
    name: 'controller',
    description: 'Reads the Kubernetes API, configures the proxies, signs their certificates',
    entry: 'controller/main.ts',
    user: ordinaryUser,
    programs: {},
    plugin: false,
    ports: [15012, 15014, 15017, 8080],
  },
  {
    name: 'node-agent',
    description: 'Brings the pods of its node into the mesh',
    entry: 'cni/agent/main.ts',
    user: root,
    programs: { nftables: ['usr/sbin/nft'], iproute2: ['usr/bin/ip', 'usr/bin/ss'] },
    plugin: true,
    ports: [8000, 15014],
  },
  {
    name: 'ztunnel',
    description: 'Carries and authorizes the connections of the pods of its node',
    entry: 'ztunnel/main.ts',
    user: root,
    programs: {},
    plugin: false,
    ports: [15020, 15021],
  },
  {
    name: 'waypoint',
    description: 'Routes and authorizes requests',
    entry: 'waypoint/main.ts',
    user: ordinaryUser,
    programs: {},
    plugin: false,
    ports: [15008, 15020, 15021],
  },
];

/** Where things are in an image. */
export const places = {
  node: 'usr/bin/node',
  program: 'opt/ambit',
  /** As the agent's setting CNI_PLUGIN has it. */
  plugin: 'opt/cni/bin/ambit-cni',
} as const;

/** The words that an image runs. */
export function entryPoint({ entry }: ImagePart): string[] {
  return [`/${places.node}`, `/${places.program}/src/${entry.replace(/\.ts$/, '.js')}`];
}

/** What Debian packages bring besides programs: the C and C++ libraries that Node is linked with, and
 * the certificate authorities of the world. */
export const basePackages = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1', 'ca-certificates'];

/** Where the libraries of the programs come from. */
export const programLibraries = [
  'libnftables1',
  'libnftnl11',
  'libmnl0',
  'libxtables12',
  'libjansson4',
  'libgmp10',
  'libedit2',
  'libtinfo6',
  'libbsd0',
  'libmd0',
  'libbpf1',
  'libelf1',
  'libcap2',
  'libselinux1',
  'libpcre2-8-0',
  'libtirpc3',
  'libgssapi-krb5-2',
  'libkrb5-3',
  'libk5crypto3',
  'libcom-err2',
  'libkrb5support0',
  'libkeyutils1',
  'zlib1g',
];
