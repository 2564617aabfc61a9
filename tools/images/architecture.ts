// The processor architectures that images are built for, and what each is called elsewhere.

export interface Architecture {
  /** As images, Go and Debian say it. */
  readonly debian: 'amd64' | 'arm64';
  /** As npm says it. */
  readonly npm: 'x64' | 'arm64';
  /** The folder of libraries. */
  readonly triplet: string;
  /** Whether this machine is one. */
  readonly native: boolean;
}

/** @returns undefined for a name that is none of them */
export function architectureNamed(name: string): Architecture | undefined {
  const native = (npm: string): boolean => process.arch === npm;
  switch (name) {
    case 'amd64':
      return { debian: name, npm: 'x64', triplet: 'x86_64-linux-gnu', native: native('x64') };
    case 'arm64':
      return { debian: name, npm: name, triplet: 'aarch64-linux-gnu', native: native('arm64') };
    default:
      return undefined;
  }
}
