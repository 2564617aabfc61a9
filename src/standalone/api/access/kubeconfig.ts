// The kubeconfig that stock clients use, with everything inline.

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What a kubeconfig says. */
export interface KubeconfigContent {
  /** Names cluster, user and context. */
  readonly name: string;
  /** `https://127.0.0.1:6443`. */
  readonly server: string;
  readonly caCertificate: string;
  readonly token: string;
  /** The namespace of commands that name none. */
  readonly namespace?: string;
}

/** The file's text (JSON is YAML). */
export function kubeconfigText(content: KubeconfigContent): string {
  const { name, namespace = 'default' } = content;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name,
        cluster: {
          server: content.server,
          'certificate-authority-data': Buffer.from(content.caCertificate).toString('base64'),
        },
      },
    ],
    users: [{ name, user: { token: content.token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    'current-context': name,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** Writes it so that only its owner can read it, all at once. */
export function writeKubeconfig(file: string, content: KubeconfigContent): void {
  mkdirSync(path.dirname(file), { recursive: true });
  // A leftover would keep its own mode.
  rmSync(`${file}.new`, { force: true });
  writeFileSync(`${file}.new`, kubeconfigText(content), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
