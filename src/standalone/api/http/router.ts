// From a request path to what answers it.

import type { Authorizer } from '../access/authorizer.ts';
import { answerReview, answerTokenRequest } from '../access/reviews.ts';
import { defaultAudience, type Tokens } from '../access/tokens.ts';
import type { Admission } from '../admission/admit.ts';
import { methodNotAllowed, noSuchPath } from '../api-error.ts';
import { aggregatedDiscovery, aggregatedType } from '../discovery/aggregated.ts';
import { groupDocument, groupList, resourceList } from '../discovery/discovery.ts';
import { kindName } from '../kinds/kind.ts';
import type { OpenApi } from '../openapi/answer.ts';
import type { PodAccess } from '../pods/pod-access.ts';
import { answerPodSubresource } from '../pods/pod-requests.ts';
import type { PortForwards } from '../pods/port-forward.ts';
import type { Core } from '../writes/core.ts';
import { type Exchange, sendJson, sendText } from './exchange.ts';
import { readBody } from './read-body.ts';
import { parseResourcePath, type ResourcePath } from './resource-path.ts';
import { answerResource } from './resource-requests.ts';

/** What requests are answered from. */
export interface Site {
  readonly core: Core;
  readonly tokens: Tokens;
  readonly pods: PodAccess;
  readonly forwards: PortForwards;
  readonly openApi: OpenApi;
  readonly admission: Admission;
  /** Holds callers to their roles; without it whoever is known may do everything. */
  readonly authorizer: Authorizer | undefined;
  /** `host:port` under which clients are told that the server is. */
  readonly address: () => string;
  /** Fires when the server closes. */
  readonly ending: AbortSignal;
}

/** Answers a request of a known caller. Throws StatusError. */
export async function route(site: Site, exchange: Exchange): Promise<void> {
  const path = parseResourcePath(exchange.path);
  if (path !== undefined) {
    site.authorizer?.check(exchange, path);
    await routeResource(site, exchange, path);
  } else if (exchange.path.startsWith('/openapi/')) site.openApi.answer(exchange);
  else answerDocument(site, exchange);
}

function answerDocument(site: Site, exchange: Exchange): void {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
    throw methodNotAllowed(`${exchange.method} on ${exchange.path}`);
  }
  const segments = exchange.path.split('/').filter((part) => part !== '');
  const document = documentAt(site, exchange, segments);
  if (document === undefined) throw noSuchPath();
  if (typeof document === 'string') sendText(exchange, 200, document, 'text/plain');
  else sendJson(exchange, 200, document);
}

function documentAt(
  site: Site,
  exchange: Exchange,
  segments: readonly string[],
): object | string | undefined {
  const { registry } = site.core;
  const [first, second, third] = segments;
  switch (first) {
    case undefined:
      return { paths: ['/api', '/apis', '/healthz', '/openapi/v2', '/openapi/v3', '/version'] };
    case 'healthz':
    case 'livez':
    case 'readyz':
      return 'ok';
    case 'version':
      return version;
    case 'api':
      return second === undefined
        ? coreDocument(site, exchange)
        : resourceList(registry, '', second);
    case 'apis':
      if (second === undefined) return groupsDocument(site, exchange);
      return third === undefined
        ? groupDocument(registry, second)
        : resourceList(registry, second, third);
    case 'openid':
      return site.tokens.keySet();
    case '.well-known':
      return second === 'openid-configuration' ? openIdConfiguration : undefined;
    default:
      return undefined;
  }
}

function coreDocument(site: Site, exchange: Exchange): object | undefined {
  const form = aggregatedType(exchange.request.headers.accept);
  if (form !== undefined) return sendAggregated(site, exchange, true, form);
  const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress: site.address() }];
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs };
}

function groupsDocument(site: Site, exchange: Exchange): object | undefined {
  const form = aggregatedType(exchange.request.headers.accept);
  if (form !== undefined) return sendAggregated(site, exchange, false, form);
  return groupList(site.core.registry);
}

/** Clients tell the aggregated form by its media type. */
function sendAggregated(
  site: Site,
  exchange: Exchange,
  core: boolean,
  form: 'v2' | 'v2beta1',
): object {
  const document = aggregatedDiscovery(site.core.registry, core, form);
  const type = `application/json;g=apidiscovery.k8s.io;v=${form};as=APIGroupDiscoveryList`;
  sendText(exchange, 200, JSON.stringify(document), type);
  return document;
}

async function routeResource(site: Site, exchange: Exchange, path: ResourcePath): Promise<void> {
  const { core } = site;
  if (path.subresource === 'token' && path.resource === 'serviceaccounts') {
    const place = { namespace: path.namespace ?? '', name: path.name ?? '' };
    const body = await readBody(core, exchange);
    sendJson(exchange, 201, answerTokenRequest(core, site.tokens, place, body?.value));
    return;
  }
  if (await answerPodSubresource(site, exchange, path)) return;
  const name = kindName({ group: path.group, plural: path.resource });
  const kind = core.registry.byName(name);
  if (kind?.versions.some((one) => one.version === path.version) === true) {
    if (!kind.namespaced && path.namespace !== undefined) throw noSuchPath();
    if (kind.namespaced && path.namespace === undefined && needsNamespace(exchange, path)) {
      throw noSuchPath();
    }
    const { admission, ending } = site;
    await answerResource({ core, exchange, kind, path, admission, ending });
    return;
  }
  if (exchange.method === 'POST' && path.name === undefined) {
    const body = await readBody(core, exchange);
    const review = answerReview(name, site, exchange.caller, body?.value);
    if (review !== undefined) {
      sendJson(exchange, 201, review);
      return;
    }
  }
  throw noSuchPath();
}

function needsNamespace(exchange: Exchange, path: ResourcePath): boolean {
  return path.name !== undefined || exchange.method === 'POST';
}

/** The version of the Kubernetes API that is followed. */
const version = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0+ambit',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: 'linux',
};

const openIdConfiguration = {
  issuer: defaultAudience,
  jwks_uri: `${defaultAudience}/openid/v1/jwks`,
  response_types_supported: ['id_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['ES256'],
};
