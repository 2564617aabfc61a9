// The end-to-end suite on the cluster that KUBECONFIG names: see docs/cluster-tests.md. It installs the mesh and
// takes it away again, so it refuses a cluster that has one.

import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Programs } from './programs.ts';
import { cleanUp, type Settings, story } from './story.ts';

const { values } = parseArgs({
  options: {
    hub: { type: 'string' },
    tag: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    'application-image': { type: 'string', default: 'node:24-alpine' },
    seconds: { type: 'string', default: '180' },
    keep: { type: 'boolean', default: false },
  },
});

const kubeconfig = process.env['KUBECONFIG'] ?? '';
if (kubeconfig === '' || !existsSync(kubeconfig)) {
  console.log('skipped: KUBECONFIG names no cluster to test on');
} else {
  process.exitCode = await run(kubeconfig);
}

async function run(cluster: string): Promise<number> {
  const ending = new AbortController();
  process.once('SIGINT', () => ending.abort());
  const programs = new Programs(cluster, ending.signal);
  const installed = await programs.kubectl(
    'get deployment istiod -n istio-system --ignore-not-found -o name',
  );
  if (installed !== '') {
    console.log('refused: the cluster has a mesh, which this suite would replace and remove');
    return 1;
  }
  const sets = [
    ...(values.hub === undefined ? [] : [`global.hub=${values.hub}`]),
    ...(values.tag === undefined ? [] : [`global.tag=${values.tag}`]),
    ...values.set,
  ];
  const settings: Settings = {
    applicationImage: values['application-image'],
    installWords: sets.map((set) => ` --set ${set}`).join(''),
    seconds: Number(values.seconds),
  };
  try {
    for (const { title, run: runStep } of story(true)) {
      const start = performance.now();
      await runStep(programs, settings);
      console.log(`ok   ${title} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    }
    return 0;
  } catch (error) {
    console.log('FAIL', error);
    return 1;
  } finally {
    // Not ended by the signal: what was made is taken away in any case.
    if (!values.keep) await cleanUp(new Programs(cluster, new AbortController().signal), settings);
  }
}
