// npm run bench: what the mesh costs, as ratios to plain traffic in the same run.

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ambit, freePort, get, isReady, MeshApi, until } from '../demo/mesh.ts';

interface Row {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly connectionsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly errors: number;
}

const stateFolder = mkdtempSync(path.join(os.tmpdir(), 'ambit-bench-'));
const name = `bench${process.pid}`;
const env = { ...process.env, AMBIT_STATE_DIR: stateFolder };
const port = await freePort();

async function measure(): Promise<Row> {
  const ask = async (where: string): Promise<Record<string, number>> => {
    const got = await get(port, where, {}, 60_000);
    if (got.status !== 200) throw new Error(`${where}: ${got.body}`);
    return JSON.parse(got.body) as Record<string, number>;
  };
  await ask('/requests?seconds=1&connections=16');
  const kept = await ask('/requests?seconds=5&connections=16');
  const fresh = await ask('/requests?seconds=5&connections=16&keep=false');
  const bulk = await ask('/transfer?megabytes=200');
  return {
    requestsPerSecond: kept['perSecond'] ?? 0,
    p50Ms: kept['p50Ms'] ?? 0,
    connectionsPerSecond: fresh['perSecond'] ?? 0,
    megabytesPerSecond: bulk['megabytesPerSecond'] ?? 0,
    errors: (kept['errors'] ?? 0) + (fresh['errors'] ?? 0),
  };
}

function print(rows: ReadonlyMap<string, Row>): void {
  const base = rows.get('plain');
  for (const [label, row] of rows) {
    const ratio = (own: number, plain: number | undefined): string =>
      `${own.toFixed(0)} (${(own / (plain ?? own)).toFixed(2)})`;
    console.log(
      [
        label.padEnd(10),
        `keep-alive ${ratio(row.requestsPerSecond, base?.requestsPerSecond)}/s p50 ${row.p50Ms.toFixed(2)} ms`,
        `new connections ${ratio(row.connectionsPerSecond, base?.connectionsPerSecond)}/s`,
        `transfer ${ratio(row.megabytesPerSecond, base?.megabytesPerSecond)} MiB/s`,
        `errors ${row.errors}`,
      ].join(' | '),
    );
  }
}

async function enrolled(api: MeshApi): Promise<void> {
  await api.label('Namespace', 'default', 'istio.io/dataplane-mode', 'ambient');
  await until('the pods to be enrolled', async () => {
    const pods = await api.pods();
    const done = pods.every(
      (pod) => pod.metadata?.annotations?.['ambient.istio.io/redirection'] === 'enabled',
    );
    return done ? true : undefined;
  });
}

async function throughWaypoint(api: MeshApi): Promise<void> {
  await api.applyFile('examples/bookinfo/routing/waypoint.yaml');
  await until('the waypoint to be ready', async () => {
    const pods = await api.pods();
    return pods.length === 3 && pods.every(isReady) ? true : undefined;
  });
  await api.label('Service', 'server', 'istio.io/use-waypoint', 'waypoint');
  await until('requests to be decided by the waypoint', async () => {
    await get(port, '/requests?seconds=1&connections=1');
    const why = await ambit(['why', 'client', 'server', '--name', name], env);
    return why.stdout.includes('waypoint/') ? true : undefined;
  });
}

try {
  const folder = path.join(import.meta.dirname, 'load');
  const up = await ambit(
    ['up', folder, '--name', name, '--publish', `${port}:client:9091`, '--detach'],
    env,
  );
  if (up.code !== 0) throw new Error(up.stderr);
  const api = new MeshApi(path.join(stateFolder, name, 'kubeconfig'));
  await until('client and server', async () => {
    const pods = await api.pods();
    return pods.length === 2 && pods.every(isReady) ? true : undefined;
  });
  const rows = new Map<string, Row>();
  rows.set('plain', await measure());
  await enrolled(api);
  rows.set('mesh', await measure());
  await throughWaypoint(api);
  rows.set('waypoint', await measure());
  print(rows);
} finally {
  await ambit(['down', '--name', name], env);
  rmSync(stateFolder, { recursive: true, force: true });
}
