// The embedded API server: a store, the rules around it, and HTTPS in front of both.

import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { Authorizer } from './access/authorizer.ts';
import { type KubeconfigContent, kubeconfigText, writeKubeconfig } from './access/kubeconfig.ts';
import { openPki } from './access/pki.ts';
import { Tokens } from './access/tokens.ts';
import { StatusError } from './api-error.ts';
import { fillNamespaces } from './collect/namespace-contents.ts';
import { type Exchange, sendError } from './http/exchange.ts';
import { type Listener, type Listening, listen } from './http/listening.ts';
import { route, type Site } from './http/router.ts';
import { openStore } from './open-store.ts';
import { OpenApi } from './openapi/answer.ts';
import type { PodAccess } from './pods/pod-access.ts';
import { PortForwards } from './pods/port-forward.ts';
import type { ObjectStore } from './store.ts';

/** How to start an API server. */
export interface ApiServerOptions {
  /** The SQLite file; `:memory:` keeps nothing. */
  readonly databasePath: string;
  /** Where keys and certificates are kept. */
  readonly pkiFolder: string;
  readonly listeners: readonly Listener[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly podAccess: PodAccess;
  /** Hold callers to the roles that are stored; otherwise whoever is known may do everything. */
  readonly rbac?: boolean;
  /** More names and addresses for the serving certificate. */
  readonly hosts?: readonly string[];
}

/** What of the kubeconfig can be chosen. */
export type KubeconfigWishes = Partial<Pick<KubeconfigContent, 'name' | 'server' | 'namespace'>>;

/** A running API server. */
export interface ApiServer extends AsyncDisposable {
  /** For the parts in this process. */
  readonly store: ObjectStore;
  /** A store whose writes are recorded under another field manager. */
  storeAs(fieldManager: string): ObjectStore;
  /** Of the first listener. */
  readonly port: number;
  readonly tokens: Tokens;
  /** The authority of the serving certificate, PEM. */
  readonly caCertificate: string;
  readonly adminToken: string;
  /** The kubeconfig of the admin; by default for 127.0.0.1 and the first port. */
  kubeconfig(wanted?: KubeconfigWishes): string;
  /** Writes it to a file that only its owner can read, all at once. */
  writeKubeconfig(file: string, wanted?: KubeconfigWishes): void;
  /** Opens one more listener, as when a node namespace comes up. */
  listen(listener: Listener): Promise<Listening>;
  close(): Promise<void>;
}

/** Starts the API server. Throws AmbitError: AMB1205 (state), AMB1206 (port), AMB1213 (keys). */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  await using building = new AsyncDisposableStack();
  const pki = openPki(options.pkiFolder, options.hosts ?? [], options.clock);
  const open = building.use(openStore(options));
  const { core, store } = open;
  building.use(fillNamespaces(store, pki.caCertificate));
  const tokens = new Tokens(core.table, pki.tokenKey, pki.adminToken, options.clock);
  const ending = new AbortController();
  let port = 0;
  const site: Site = {
    core,
    tokens,
    pods: options.podAccess,
    forwards: new PortForwards(options.podAccess),
    openApi: new OpenApi(core.registry),
    admission: { table: core.table, pods: options.podAccess, log: options.log },
    authorizer: options.rbac === true ? new Authorizer(core, options.log) : undefined,
    address: () => `127.0.0.1:${port}`,
    ending: ending.signal,
  };
  const listening = new Set<Listening>();
  const openListener = async (listener: Listener): Promise<Listening> => {
    const opened = await listen(listener, pki, (request, response, upgrade) => {
      void answerRequest(site, options.log, { request, response, ...(upgrade && { upgrade }) });
    });
    listening.add(opened);
    const close = (): Promise<void> => {
      listening.delete(opened);
      return opened.close();
    };
    return { port: opened.port, close };
  };
  building.defer(async () => {
    ending.abort();
    await Promise.all([...listening].map((one) => one.close()));
  });
  for (const listener of options.listeners) {
    const opened = await openListener(listener);
    if (port === 0) port = opened.port;
  }

  const kubeconfigContent = (wanted: KubeconfigWishes = {}): KubeconfigContent => ({
    name: 'ambit',
    server: `https://127.0.0.1:${port}`,
    caCertificate: pki.caCertificate,
    token: pki.adminToken,
    ...wanted,
  });
  const owned = building.move();
  const close = (): Promise<void> => owned.disposeAsync();
  return {
    store,
    storeAs: (manager) => open.as(manager),
    port,
    tokens,
    caCertificate: pki.caCertificate,
    adminToken: pki.adminToken,
    kubeconfig: (wanted) => kubeconfigText(kubeconfigContent(wanted)),
    writeKubeconfig: (file, wanted) => writeKubeconfig(file, kubeconfigContent(wanted)),
    listen: openListener,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Answers one request, whatever happens. */
async function answerRequest(
  site: Site,
  log: Logger,
  asked: Pick<Exchange, 'request' | 'response' | 'upgrade'>,
): Promise<void> {
  const { request, response } = asked;
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const exchange: Exchange = {
    ...asked,
    method: request.method ?? 'GET',
    path: mark < 0 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    caller: nobody,
    warnings: new Set(),
  };
  response.on('error', () => {
    // The client went away; whoever writes to it finds it destroyed.
  });
  try {
    await route(site, { ...exchange, caller: authenticated(site, exchange) });
  } catch (error) {
    if (!(error instanceof StatusError)) {
      log.error({ path: exchange.path, error: causeChain(error) }, 'a request failed');
    }
    sendError(exchange, error);
  }
}

const nobody: Exchange['caller'] = { username: '', uid: '', groups: [], extra: {} };
const open: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz', '/version']);

/** The caller that the bearer token proves. Throws Unauthorized. */
function authenticated(site: Site, exchange: Exchange): Exchange['caller'] {
  const header = exchange.request.headers.authorization ?? '';
  const token = /^Bearer\s+(\S+)$/i.exec(header)?.[1];
  if (token === undefined) {
    if (open.has(exchange.path)) return nobody;
    throw unauthorized('the request carries no bearer token');
  }
  const result = site.tokens.check(token);
  if ('problem' in result) throw unauthorized(result.problem);
  return result.caller;
}

function unauthorized(why: string): StatusError {
  return new StatusError('AMB1208', {
    http: 401,
    reason: 'Unauthorized',
    message: `Unauthorized: ${why}; use the kubeconfig of this mesh`,
  });
}
