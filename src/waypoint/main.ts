// The waypoint process.

import { signingClient } from '../dataplane/certificates/signing-client.ts';
import { Subscription } from '../dataplane/subscription.ts';
import { tunnelPort } from '../dataplane/tunnel/tunnel.ts';
import { type Identity, identityOf } from '../mesh/identity.ts';
import { startAdminServer } from '../runtime/admin-server.ts';
import { systemClock as clock } from '../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../runtime/errors.ts';
import { createLogger, type Logger } from '../runtime/log.ts';
import { createRegistry, type MetricsRegistry } from '../runtime/metrics.ts';
import { Readiness } from '../runtime/readiness.ts';
import { readSettings } from '../runtime/settings.ts';
import { untilShutdown } from '../runtime/shutdown.ts';
import { adminRoutes, metricsRoutes, probeRoutes } from './admin.ts';
import { drainDeadlineMs, settingsTable, type WaypointSettings } from './settings.ts';
import { Waypoint } from './waypoint.ts';

const adminPort = 15000;
const metricsPort = 15020;
const probePort = 15021;
const certificatePollMs = 100;

/** Makes the waypoint and its subscription, which are not started yet. */
function assemble(settings: WaypointSettings, log: Logger, registry: MetricsRegistry) {
  const access = {
    rootCertPath: settings.XDS_ROOT_CA,
    tokenPath: settings.AUTH_TOKEN,
    clusterId: settings.CLUSTER_ID,
  };
  const identity = identityOf({
    trustDomain: settings.TRUST_DOMAIN,
    namespace: settings.POD_NAMESPACE,
    serviceAccount: settings.SERVICE_ACCOUNT,
  });
  const ca = { ...access, address: settings.CA_ADDRESS };
  const waypoint: Waypoint = new Waypoint({
    namespace: settings.POD_NAMESPACE,
    gateway: settings.GATEWAY_NAME,
    clusterDomain: settings.CLUSTER_DOMAIN,
    identity,
    network: settings.NETWORK,
    certificateSource: signingClient(ca, { impersonate: false }),
    configVersion: () => subscription.configVersion,
    registry,
    clock,
    log,
  });
  const subscription: Subscription = new Subscription({
    ...access,
    address: settings.XDS_ADDRESS,
    node: nodeOf(settings),
    kinds: waypoint.kinds(),
    clock,
    log,
  });
  return { waypoint, subscription, identity };
}

async function run(settings: WaypointSettings, log: Logger): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const registry = createRegistry();
  const { waypoint, subscription, identity } = assemble(settings, log, registry);
  stack.use(waypoint);
  stack.use(subscription);
  const readiness = new Readiness();
  readiness.block('configuration');
  readiness.block('certificate');
  const quit = new AbortController();
  const sources = {
    decisions: waypoint.decisions,
    certificates: waypoint.certificates,
    table: waypoint.table,
    readiness,
    registry,
    configVersion: () => subscription.configVersion,
    quit: () => quit.abort(),
  };
  const local = { host: '127.0.0.1', port: adminPort };
  stack.use(await startAdminServer(local, adminRoutes(sources)));
  stack.use(await startAdminServer({ port: metricsPort }, metricsRoutes(sources)));
  stack.use(await startAdminServer({ port: probePort }, probeRoutes(sources)));
  await waypoint.listen(tunnelPort);
  subscription.start();
  void subscription.ready.then(() => readiness.unblock('configuration'));
  const ended = new AbortController();
  stack.defer(() => ended.abort());
  void waitForCertificate(waypoint, identity, ended.signal).then(() =>
    readiness.unblock('certificate'),
  );
  log.info({ identity, gateway: settings.GATEWAY_NAME }, 'waypoint started');
  const deadlineMs = drainDeadlineMs(settings.TERMINATION_GRACE_PERIOD_SECONDS);
  const drain = (deadline: AbortSignal): Promise<void> => waypoint.drain(deadline);
  return await untilShutdown({ drain, deadlineMs, clock, log }, quit.signal);
}

/** Resolves when there is a certificate; the store goes on asking by itself. */
async function waitForCertificate(
  waypoint: Waypoint,
  identity: Identity,
  ended: AbortSignal,
): Promise<void> {
  while (!ended.aborted) {
    const held = await waypoint.certificates.get(identity).catch(() => undefined);
    if (held !== undefined) return;
    await clock.wait(certificatePollMs, ended).catch(() => undefined);
  }
}

function nodeOf(settings: WaypointSettings) {
  const { POD_NAME, POD_NAMESPACE, INSTANCE_IP, CLUSTER_DOMAIN } = settings;
  return {
    id: `waypoint~${INSTANCE_IP}~${POD_NAME}.${POD_NAMESPACE}~${POD_NAMESPACE}.svc.${CLUSTER_DOMAIN}`,
    metadata: {
      NAME: POD_NAME,
      NAMESPACE: POD_NAMESPACE,
      NODE_NAME: settings.NODE_NAME,
      GATEWAY_NAME: settings.GATEWAY_NAME,
      CLUSTER_ID: settings.CLUSTER_ID,
    },
  };
}

function fail(error: unknown): void {
  const log = createLogger('waypoint', 'error');
  const remedy = error instanceof AmbitError ? error.remedy : undefined;
  log.error({ code: codeOf(error), error: causeChain(error), remedy }, 'the waypoint cannot run');
  process.exitCode = 1;
}

try {
  const settings = readSettings(settingsTable, process.env);
  process.exitCode = await run(settings, createLogger('waypoint', settings.LOG_LEVEL));
} catch (error) {
  fail(error);
}
