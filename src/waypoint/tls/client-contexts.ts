// What a waypoint shows and trusts when it begins TLS, made once for each version of what it is made from:
// credentials as the controller sends them, files as they change, its own certificate as it is renewed.

import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { WorkloadCertificate } from '../../dataplane/certificates/workload-certificate.ts';
import type { Credential } from '../../mesh/credential.ts';
import type { ClientTls } from '../../mesh/destination.ts';
import { AmbitError } from '../../runtime/errors.ts';

/** Contexts from files that are kept. */
const maxFromFiles = 64;

/** The texts of one side of TLS, all PEM. */
type Texts = Omit<Credential, 'name' | 'problem'>;

export interface ClientContextsOptions {
  readonly credentials: { get(name: string): Credential | undefined };
  /** The waypoint's own certificate, for ISTIO_MUTUAL. */
  readonly own: () => Promise<WorkloadCertificate>;
  /** The authorities of the operating system, PEM. */
  readonly systemAuthorities: () => readonly string[];
}

/** Makes and keeps secure contexts. */
export class ClientContexts {
  readonly #options: ClientContextsOptions;
  readonly #fromCredentials = new WeakMap<Credential, Map<string, SecureContext>>();
  readonly #fromFiles = new Map<string, { version: string; context: SecureContext }>();
  readonly #fromOwn = new WeakMap<WorkloadCertificate, SecureContext>();
  #system: SecureContext | undefined;
  #systemAuthorities: string[] | undefined;

  constructor(options: ClientContextsOptions) {
    this.#options = options;
  }

  /** The context for TLS settings. @throws AmbitError AMB1739 */
  async of(settings: ClientTls): Promise<SecureContext> {
    if (settings.mode === 'ISTIO_MUTUAL') return this.#ofOwn(await this.#options.own());
    if (settings.credentialName !== undefined) {
      return this.#ofCredential(settings, settings.credentialName);
    }
    const { clientCertificate, privateKey, caCertificates, caCrl } = settings;
    const files = [clientCertificate, privateKey, caCertificates, caCrl];
    if (files.every((file) => file === undefined)) {
      if (settings.mode === 'MUTUAL') {
        throw missing('mode MUTUAL names no certificate of its own');
      }
      this.#system ??= this.#make({}, settings);
      return this.#system;
    }
    return await this.#ofFiles(settings);
  }

  #ofOwn(certificate: WorkloadCertificate): SecureContext {
    const known = this.#fromOwn.get(certificate);
    if (known !== undefined) return known;
    const { certChainPem, privateKeyPem, rootsPem } = certificate;
    const context = createSecureContext({ cert: certChainPem, key: privateKeyPem, ca: rootsPem });
    this.#fromOwn.set(certificate, context);
    return context;
  }

  #ofCredential(settings: ClientTls, name: string): SecureContext {
    const credential = this.#options.credentials.get(name);
    if (credential === undefined) {
      throw missing(`the credential ${name} has not come from the controller`);
    }
    if (credential.problem !== undefined) {
      throw missing(`the credential ${name} cannot be used: ${credential.problem}`);
    }
    const byMode = this.#fromCredentials.get(credential) ?? new Map<string, SecureContext>();
    this.#fromCredentials.set(credential, byMode);
    const how = `${settings.mode} ${settings.insecureSkipVerify === true}`;
    const context = byMode.get(how) ?? this.#make(credential, settings);
    byMode.set(how, context);
    return context;
  }

  async #ofFiles(settings: ClientTls): Promise<SecureContext> {
    const { mode, clientCertificate, privateKey, caCertificates, caCrl } = settings;
    const files = { certificateChain: clientCertificate, privateKey } as const;
    const named = { ...files, authorities: caCertificates, revocationLists: caCrl };
    const entries = Object.entries(named).flatMap(([field, file]) =>
      file === undefined ? [] : [[field, file] as const],
    );
    const key = JSON.stringify([mode, settings.insecureSkipVerify, entries]);
    try {
      const versions = entries.map(async ([, file]) => versionOf(file));
      const version = (await Promise.all(versions)).join(' ');
      const known = this.#fromFiles.get(key);
      if (known?.version === version) return known.context;
      const texts = entries.map(
        async ([field, file]) => [field, await readFile(file, 'utf8')] as const,
      );
      const context = this.#make(Object.fromEntries(await Promise.all(texts)), settings);
      for (const oldest of this.#fromFiles.keys()) {
        if (this.#fromFiles.size < maxFromFiles) break;
        this.#fromFiles.delete(oldest);
      }
      this.#fromFiles.set(key, { version, context });
      return context;
    } catch (error) {
      if (error instanceof AmbitError) throw error;
      throw missing('a file of the TLS settings cannot be read', error);
    }
  }

  #make(texts: Texts, settings: ClientTls): SecureContext {
    const { certificateChain, privateKey, authorities, revocationLists } = texts;
    const { mode, credentialName, insecureSkipVerify } = settings;
    const name = credentialName ?? 'the files';
    const shown = mode === 'MUTUAL';
    if (shown && (certificateChain === undefined || privateKey === undefined)) {
      throw missing(`${name} of mode MUTUAL lacks a certificate (tls.crt) or its key (tls.key)`);
    }
    const isNamed = credentialName !== undefined && insecureSkipVerify !== true;
    if (mode === 'SIMPLE' && isNamed && authorities === undefined) {
      throw missing(`${name} of mode SIMPLE lacks the authorities (ca.crt)`);
    }
    this.#systemAuthorities ??= authorities ? undefined : [...this.#options.systemAuthorities()];
    const options: SecureContextOptions = {
      ca: authorities ?? this.#systemAuthorities ?? [],
      ...(shown && certificateChain !== undefined && { cert: certificateChain }),
      ...(shown && privateKey !== undefined && { key: privateKey }),
      ...(revocationLists !== undefined && { crl: revocationLists }),
      minVersion: 'TLSv1.2',
    };
    try {
      return createSecureContext(options);
    } catch (error) {
      throw missing(`${name} cannot be used for TLS`, error);
    }
  }
}

async function versionOf(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file);
  return `${mtimeMs}/${size}/${ino}`;
}

function missing(what: string, cause?: unknown): AmbitError {
  return new AmbitError('AMB1739', what, cause === undefined ? {} : { cause });
}
