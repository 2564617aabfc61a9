// Answers the CNI plugin (protocol section 2.2): HTTP on a Unix socket in the run directory.

import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import path from 'node:path';
import { causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import {
  decodePluginEvent,
  eventPath,
  eventSocketName,
  maxEventBytes,
  type PluginAnswer,
  type PluginEvent,
} from '../../wire/cni.ts';

export interface PluginServerOptions {
  readonly runDirectory: string;
  /** Decides about a starting pod, and enrols it. What it throws keeps the pod from starting. */
  readonly answer: (event: PluginEvent) => Promise<PluginAnswer>;
  readonly log: Logger;
}

/** The most starting pods at once; more have to come again. */
const maxConnections = 256;

/** A listening server. */
export class PluginServer implements AsyncDisposable {
  readonly #options: PluginServerOptions;
  readonly #server: Server;

  private constructor(options: PluginServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      void this.#respond(request, response);
    });
    this.#server.maxConnections = maxConnections;
  }

  /** Listens in the run directory, which is made if it is missing. A stale socket there is
   * replaced. */
  static async listen(options: PluginServerOptions): Promise<PluginServer> {
    const file = path.join(options.runDirectory, eventSocketName);
    mkdirSync(options.runDirectory, { recursive: true });
    rmSync(file, { force: true });
    const listening = new PluginServer(options);
    listening.#server.listen(file);
    await once(listening.#server, 'listening');
    // Only the container runtime, which is root, may announce pods.
    chmodSync(file, 0o600);
    return listening;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    await closed;
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { log } = this.#options;
    try {
      if (request.method !== 'POST' || request.url !== eventPath) {
        response.writeHead(404).end(`only POST ${eventPath} is answered here`);
        return;
      }
      const decoded = decodePluginEvent(await bodyOf(request));
      if (decoded.kind === 'problem') {
        response.writeHead(400).end(`AMB1301 ${decoded.problem}`);
        return;
      }
      const event = decoded.value;
      const answer = await this.#options.answer(event);
      log.info({ pod: `${event.podNamespace}/${event.podName}`, ...answer }, 'pod starts');
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    } catch (error) {
      log.warn({ code: codeOf(error), error: causeChain(error) }, 'pod kept from starting');
      response.writeHead(500).end(causeChain(error));
    }
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Buffer)) continue;
    size += chunk.length;
    // What is cut off is no JSON any more, which is then the problem that is reported.
    if (size > maxEventBytes) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
