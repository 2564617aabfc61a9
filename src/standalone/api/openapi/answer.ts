// Answers requests for OpenAPI documents. Documents are made once per state of the registry.

import { createHash } from 'node:crypto';

import { noSuchPath } from '../api-error.ts';
import { servedGroups } from '../discovery/discovery.ts';
import { type Exchange, sendJson, sendText } from '../http/exchange.ts';
import type { JsonRecord } from '../json.ts';
import { splitApiVersion } from '../kinds/kind.ts';
import type { Registry } from '../kinds/registry.ts';
import { documentV2, documentV3, openApiPath } from './documents.ts';
import { encodeDocumentV2 } from './protobuf-v2.ts';

const protobufV2 = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
/** Go refuses to parse the type that its own clients ask for, so answers carry it with a dot. */
const protobufV2Answer = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** Makes and keeps the documents of one registry. */
export class OpenApi {
  readonly #registry: Registry;
  #revision = -1;
  #made = new Map<string, string | Uint8Array>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Answers a request below /openapi. Throws NotFound. */
  answer(exchange: Exchange): void {
    const [, form, ...rest] = exchange.path.split('/').filter((part) => part !== '');
    if (form === 'v2' && rest.length === 0) this.#answerV2(exchange);
    else if (form === 'v3' && rest.length === 0) sendJson(exchange, 200, this.#index());
    else if (form === 'v3') this.#answerV3(exchange, rest.join('/'));
    else throw noSuchPath();
  }

  #answerV2(exchange: Exchange): void {
    const accept = exchange.request.headers.accept ?? '';
    if (accept.includes(protobufV2) || accept.includes(protobufV2Answer)) {
      const bytes = this.#kept('v2.pb', () => encodeDocumentV2(documentV2(this.#registry)));
      sendText(exchange, 200, bytes ?? '', protobufV2Answer);
      return;
    }
    const text = this.#kept('v2', () => JSON.stringify(documentV2(this.#registry)));
    sendText(exchange, 200, text ?? '', 'application/json');
  }

  #answerV3(exchange: Exchange, path: string): void {
    const apiVersion = path.replace(/^apis?\//, '');
    const { group, version } = splitApiVersion(apiVersion);
    if (openApiPath(group, version) !== path) throw noSuchPath();
    const text = this.#documentV3(group, version);
    if (text === undefined) throw noSuchPath();
    sendText(exchange, 200, text, 'application/json');
  }

  #documentV3(group: string, version: string): string | Uint8Array | undefined {
    return this.#kept(`v3/${group}/${version}`, () => {
      const document = documentV3(this.#registry, group, version);
      return document === undefined ? undefined : JSON.stringify(document);
    });
  }

  /** `/openapi/v3`: where the document of each group version is, under a hash that names its content. */
  #index(): JsonRecord {
    const paths: JsonRecord = {};
    for (const [group, versions] of servedGroups(this.#registry)) {
      for (const version of versions) {
        const text = this.#documentV3(group, version);
        if (text === undefined) continue;
        const hash = createHash('sha256').update(text).digest('hex').slice(0, 32).toUpperCase();
        const path = openApiPath(group, version);
        paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
      }
    }
    return { paths };
  }

  #kept(
    name: string,
    make: () => string | Uint8Array | undefined,
  ): string | Uint8Array | undefined {
    if (this.#revision !== this.#registry.revision) {
      this.#made.clear();
      this.#revision = this.#registry.revision;
    }
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const made = make();
    if (made !== undefined) this.#made.set(name, made);
    return made;
  }
}
