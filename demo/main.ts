// npm run demo: the whole story of the mesh on this machine, each line a check with its figure.
// Flags: --json, --keep (leave it running and tell the page's address).

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { causeChain } from '../src/runtime/errors.ts';
import { ambit, freePort, MeshApi } from './mesh.ts';
import { Report } from './report.ts';
import type { Story } from './story.ts';
import { endMesh, unlabel, withoutController } from './story-end.ts';
import { afterLabel, beforeLabel, startMesh } from './story-mesh.ts';
import { denySome, faults, routeByHeader, routeByWeight, withWaypoint } from './story-policy.ts';

const usage = `npm run demo [-- --json] [-- --keep]

  --json   print everything that was checked as one JSON document
  --keep   leave the mesh running and print the page's address`;

function readArguments(): { json: boolean; keep: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    process.stderr.write(`AMB1801 ${String(error)}\n${usage}\n`);
    process.exit(2);
  }
}

/** An ordinary user gets a user namespace of his own for the whole demo, in which he is root. */
function enterUserNamespace(): void {
  if (process.getuid?.() === 0) return;
  const script = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"';
  const inner = [process.execPath, ...process.argv.slice(1)];
  const done = spawnSync('unshare', ['-Urnm', '--', 'sh', '-c', script, 'sh', ...inner], {
    stdio: 'inherit',
  });
  process.exit(done.status ?? 1);
}

async function tell(story: Story): Promise<void> {
  await startMesh(story);
  await beforeLabel(story);
  await afterLabel(story);
  await denySome(story);
  await withWaypoint(story);
  await routeByHeader(story);
  await routeByWeight(story);
  await faults(story);
  await withoutController(story);
  if (!story.keep) await unlabel(story);
}

const { json, keep } = readArguments();
enterUserNamespace();
const report = new Report({
  json,
  color: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
});
const stateFolder = mkdtempSync(path.join(os.tmpdir(), 'ambit-demo-'));
const name = `demo${process.pid}`;
const env = { ...process.env, AMBIT_STATE_DIR: stateFolder };
const kubeconfig = path.join(stateFolder, name, 'kubeconfig');
const story: Story = {
  report,
  name,
  env,
  kubeconfig,
  keep,
  pagePort: await freePort(),
  api: () => new MeshApi(kubeconfig),
  processes: new Map(),
  upSeconds: 0,
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void ambit(['down', '--name', name], env).then(() => process.exit(1));
  });
}

try {
  await tell(story);
} catch (error) {
  process.stderr.write(`${causeChain(error)}\n`);
} finally {
  if (keep && report.ok) {
    report.say(`\nThe page: http://127.0.0.1:${story.pagePort}/productpage (sign in as jason)`);
    report.say(`export AMBIT_STATE_DIR=${stateFolder} KUBECONFIG=${kubeconfig}`);
    report.say(`bin/ambit down --name ${name} ends it`);
  } else {
    await endMesh(story).catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
    rmSync(stateFolder, { recursive: true, force: true });
  }
  report.finish({ page: keep ? `http://127.0.0.1:${story.pagePort}/productpage` : undefined });
  process.exitCode = report.ok ? 0 : 1;
}
