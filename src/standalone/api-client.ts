// A small client of the embedded API server for the command line: JSON over HTTPS, as the kubeconfig says.

import { existsSync, readFileSync } from 'node:fs';
import https from 'node:https';
import { parse } from 'yaml';
import { AmbitError } from '../runtime/errors.ts';

const answerDeadlineMs = 10_000;
const maxAnswerBytes = 64 * 1024 * 1024;

/** What is looked at; a file that somebody edited may lack any of it. */
interface Kubeconfig {
  readonly clusters?: readonly {
    readonly cluster?: { readonly server?: string; readonly 'certificate-authority-data'?: string };
  }[];
  readonly users?: readonly { readonly user?: { readonly token?: string } }[];
}

function readKubeconfig(file: string): Kubeconfig | undefined {
  try {
    return parse(readFileSync(file, 'utf8')) as Kubeconfig | undefined;
  } catch {
    return undefined; // told as damaged
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Talks to one API server. */
export class ApiClient {
  readonly #server: string;
  readonly #ca: string;
  readonly #token: string;

  /** @throws AmbitError AMB1109 when there is no kubeconfig, or a damaged one */
  constructor(file: string) {
    if (!existsSync(file))
      throw new AmbitError('AMB1109', 'there is no kubeconfig', { object: file });
    const config = readKubeconfig(file);
    const cluster = config?.clusters?.[0]?.cluster;
    const token = config?.users?.[0]?.user?.token;
    if (cluster?.server === undefined || !URL.canParse(cluster.server) || token === undefined) {
      throw new AmbitError('AMB1109', 'the kubeconfig is damaged; ambit up writes it anew', {
        object: file,
      });
    }
    this.#server = cluster.server;
    this.#ca = Buffer.from(cluster['certificate-authority-data'] ?? '', 'base64').toString();
    this.#token = token;
  }

  /** The items of a collection. @throws AmbitError AMB1109 */
  async list<T>(path: string): Promise<readonly T[]> {
    const { body } = await this.#request('GET', path);
    return (body as { items?: readonly T[] }).items ?? [];
  }

  /** Server-side apply of one object. @throws AmbitError AMB1107 with the server's words */
  async apply(path: string, object: object, fieldManager: string): Promise<void> {
    const query = `?fieldManager=${fieldManager}&force=true`;
    const { status, body } = await this.#request('PATCH', `${path}${query}`, object);
    if (status < 300) return;
    const message = (body as { message?: string }).message ?? `status ${status}`;
    throw new AmbitError('AMB1107', message, { object: path });
  }

  #request(method: string, path: string, body?: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void =>
        reject(new AmbitError('AMB1109', `${this.#server} does not answer`, { cause }));
      const headers = {
        authorization: `Bearer ${this.#token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/apply-patch+yaml' }),
      };
      const options = { method, headers, ca: this.#ca, timeout: answerDeadlineMs, agent: false };
      const request = https.request(new URL(path, this.#server), options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > maxAnswerBytes) request.destroy(new Error('the answer is too large'));
        });
        response.on('error', fail);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as unknown });
        });
      });
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      request.on('error', fail);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
