// The waypoint process.

import { followRevocationLists } from '../dataplane/certificates/follow-revocation-lists.ts';
import { followRoots } from '../dataplane/certificates/follow-roots.ts';
import { signingClient } from '../dataplane/certificates/signing-client.ts';
import { formattedAccessLog } from '../dataplane/formatted-access-log.ts';
import { Subscription } from '../dataplane/subscription.ts';
import { subscriptionMetrics } from '../dataplane/subscription-metrics.ts';
import { type IpAddress, parseIp } from '../mesh/address.ts';
import { type Identity, identityOf } from '../mesh/identity.ts';
import { startAdminServer } from '../runtime/admin-server.ts';
import { systemClock as clock } from '../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../runtime/errors.ts';
import { createLogger, type LevelledLogger, lineWriter } from '../runtime/log.ts';
import { createRegistry, type MetricsRegistry } from '../runtime/metrics.ts';
import { buildMetric, processMetrics } from '../runtime/process-metrics.ts';
import { Readiness } from '../runtime/readiness.ts';
import { readNameServers } from '../runtime/resolv-conf.ts';
import { readSettings } from '../runtime/settings.ts';
import { untilShutdown } from '../runtime/shutdown.ts';
import { type RequestTracer, startTracing } from '../runtime/tracing.ts';
import { ownVersion } from '../runtime/version.ts';
import { versionMetadata } from '../wire/xds.ts';
import { adminRoutes, metricsRoutes, probeRoutes } from './admin.ts';
import { drainDeadlineMs, settingsTable, type WaypointSettings } from './settings.ts';
import { Waypoint } from './waypoint.ts';

const certificatePollMs = 100;

/** Makes the waypoint and its subscription, which are not started yet. */
function assemble(
  settings: WaypointSettings,
  log: LevelledLogger,
  registry: MetricsRegistry,
  tracer: RequestTracer | undefined,
) {
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
  const render = formattedAccessLog({
    encoding: settings.ACCESS_LOG_ENCODING,
    format: settings.ACCESS_LOG_FORMAT,
  });
  const waypoint: Waypoint = new Waypoint({
    namespace: settings.POD_NAMESPACE,
    gateway: settings.GATEWAY_NAME,
    clusterDomain: settings.CLUSTER_DOMAIN,
    identity,
    network: settings.NETWORK,
    address: ownAddress(settings),
    hostLookup: { nameServers: () => readNameServers(), ipv6: settings.IPV6_ENABLED },
    certificateSource: signingClient(ca, { impersonate: false }),
    configVersion: () => subscription.configVersion,
    registry,
    clock,
    log,
    ...(render && { accessLog: { render, write: lineWriter() } }),
    ...(tracer && { tracer }),
  });
  const subscription: Subscription = new Subscription({
    ...access,
    address: settings.XDS_ADDRESS,
    node: nodeOf(settings),
    kinds: waypoint.kinds(),
    clock,
    log,
    observer: subscriptionMetrics(registry),
  });
  return { waypoint, subscription, identity };
}

async function run(settings: WaypointSettings, log: LevelledLogger): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const registry = createRegistry();
  buildMetric(registry, 'proxy', settings.ISTIO_META_ISTIO_VERSION);
  processMetrics(registry, clock.now());
  const tracer =
    settings.OTEL_EXPORTER_OTLP_ENDPOINT === '' ? undefined : await startTracing('waypoint');
  if (tracer !== undefined) stack.use(tracer);
  const { waypoint, subscription, identity } = assemble(settings, log, registry, tracer);
  stack.use(waypoint);
  stack.use(subscription);
  const readiness = new Readiness();
  readiness.block('configuration');
  readiness.block('certificate');
  const quit = new AbortController();
  const parts = {
    waypoint,
    readiness,
    registry,
    configVersion: () => subscription.configVersion,
    clock,
    log,
    quit: () => quit.abort(),
  };
  const local = { host: '127.0.0.1', port: settings.ADMIN_PORT };
  const admin = stack.use(await startAdminServer(local, adminRoutes(parts)));
  const stats = stack.use(
    await startAdminServer({ port: settings.STATS_PORT }, metricsRoutes(parts)),
  );
  const probes = stack.use(
    await startAdminServer({ port: settings.READINESS_PORT }, probeRoutes(parts)),
  );
  const tunnel = await waypoint.listen(settings.HBONE_PORT);
  subscription.start();
  void subscription.ready.then(() => readiness.unblock('configuration'));
  const ended = new AbortController();
  stack.defer(() => ended.abort());
  followFiles(settings, waypoint, log, ended.signal);
  void waitForCertificate(waypoint, identity, ended.signal).then(() =>
    readiness.unblock('certificate'),
  );
  const ports = [tunnel, admin.port, stats.port, probes.port];
  log.info({ identity, gateway: settings.GATEWAY_NAME, ports }, 'started');
  const deadlineMs = drainDeadlineMs(settings.TERMINATION_GRACE_PERIOD_SECONDS);
  const drain = (deadline: AbortSignal): Promise<void> => {
    readiness.block('draining');
    return waypoint.drain(deadline);
  };
  return await untilShutdown({ drain, deadlineMs, clock, log }, quit.signal);
}

/** @throws AmbitError when it is none */
function ownAddress({ INSTANCE_IP }: WaypointSettings): IpAddress {
  const address = parseIp(INSTANCE_IP);
  if (address === undefined) throw new AmbitError('AMB1004', `INSTANCE_IP is "${INSTANCE_IP}"`);
  return address;
}

/** Roots and revocation lists, as they change. */
function followFiles(
  { XDS_ROOT_CA, CRL_PATH }: WaypointSettings,
  { certificates, revocations }: Waypoint,
  log: LevelledLogger,
  ended: AbortSignal,
): void {
  const parts = { clock, log };
  void followRoots({ path: XDS_ROOT_CA, certificates, ...parts, random: Math.random }, ended);
  if (CRL_PATH !== '') void followRevocationLists({ path: CRL_PATH, revocations, ...parts }, ended);
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
      [versionMetadata]: ownVersion(),
    },
  };
}

function fail(error: unknown): void {
  const log = createLogger('waypoint', 'error');
  const remedy = error instanceof AmbitError ? error.remedy : undefined;
  log.error({ code: codeOf(error), error: causeChain(error), remedy }, 'the waypoint cannot run');
  process.exit(1);
}

try {
  const settings = readSettings(settingsTable, process.env);
  const status = await run(settings, createLogger('waypoint', settings.LOG_LEVEL));
  // Whatever still holds the process is not worth waiting for.
  process.exit(status);
} catch (error) {
  fail(error);
}
