// Secrets of the controller's namespace, as texts.

import type { SecretStore } from '../ca/load-authority.ts';
import { type ApiClient, ApiError } from './api-client.ts';

interface SecretObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Reads and creates Secrets through the API. */
export class ApiSecrets implements SecretStore {
  readonly #client: ApiClient;
  readonly #namespace: string;

  constructor(client: ApiClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  async get(name: string): Promise<ReadonlyMap<string, string> | undefined> {
    const secret = await this.#client.get<SecretObject>(`${this.#path()}/${name}`);
    if (secret === undefined) return undefined;
    return new Map(
      Object.entries(secret.data ?? {}).map(([key, value]) => [
        key,
        Buffer.from(value, 'base64').toString(),
      ]),
    );
  }

  async create(name: string, type: string, data: ReadonlyMap<string, string>): Promise<boolean> {
    const encoded = [...data].map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
    try {
      await this.#client.create(this.#path(), {
        apiVersion: 'v1',
        kind: 'Secret',
        type,
        metadata: { name, namespace: this.#namespace },
        data: Object.fromEntries(encoded) as Record<string, string>,
      });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) return false;
      throw error;
    }
  }

  #path(): string {
    return `/api/v1/namespaces/${this.#namespace}/secrets`;
  }
}
