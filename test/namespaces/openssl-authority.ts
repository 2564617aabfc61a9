// A certificate authority run with the stock openssl, as an operator would: a root, an intermediate that
// signs for the mesh, and its revocation lists.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const extensions = `
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
`;

/** The files of one authority, in a folder of its own. */
export class OpensslAuthority {
  readonly #folder: string;
  readonly #name: string;

  /** Makes a root, or an intermediate below another. Names are the CN. */
  constructor(folder: string, name: string, parent?: OpensslAuthority) {
    this.#folder = folder;
    this.#name = name;
    const { key, cert, database, settings } = this.#files();
    this.#run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key);
    const request = path.join(folder, `${name}.csr`);
    this.#run('req', '-new', '-key', key, '-subj', `/O=Test/CN=${name}`, '-out', request);
    const extensionFile = path.join(folder, 'extensions.cnf');
    writeFileSync(extensionFile, extensions);
    const signer =
      parent === undefined
        ? ['-signkey', key]
        : ['-CA', parent.#files().cert, '-CAkey', parent.#files().key, '-CAcreateserial'];
    const common = ['x509', '-req', '-in', request, '-days', '30', '-extfile', extensionFile];
    this.#run(...common, ...signer, '-out', cert);
    writeFileSync(database, '');
    writeFileSync(
      settings,
      `[ca]\ndefault_ca = a\n[a]\ndatabase = ${database}\ndefault_md = sha256\ndefault_crl_days = 1\n`,
    );
  }

  get certPem(): string {
    return readFileSync(this.#files().cert, 'utf8');
  }

  get keyPem(): string {
    return readFileSync(this.#files().key, 'utf8');
  }

  /** Enters a certificate, in PEM, as revoked because its key was stolen. */
  revoke(pem: string): void {
    const file = path.join(this.#folder, 'revoked.pem');
    writeFileSync(file, pem);
    this.#ca('-revoke', file, '-crl_reason', 'keyCompromise');
  }

  /** The list of everything that was revoked, in PEM. */
  list(): string {
    const file = path.join(this.#folder, `${this.#name}.crl`);
    this.#ca('-gencrl', '-out', file);
    return readFileSync(file, 'utf8');
  }

  #ca(...args: readonly string[]): void {
    const { key, cert, settings } = this.#files();
    this.#run('ca', '-config', settings, '-keyfile', key, '-cert', cert, ...args);
  }

  #files() {
    const named = (ending: string): string => path.join(this.#folder, `${this.#name}${ending}`);
    return {
      key: named('.key'),
      cert: named('.pem'),
      database: named('.txt'),
      settings: named('.cnf'),
    };
  }

  #run(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}
