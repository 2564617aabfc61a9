// Carries out what was planned.

import type { CommandContext } from '../command.ts';
import { paint, withProgress } from '../output.ts';
import { awaitReady } from './await-ready.ts';
import { type KubernetesObject, titleOf } from './object.ts';
import type { ObjectApi } from './object-api.ts';
import type { InstallPlan } from './plan-install.ts';

/** Applies stage by stage, each ready before the next, then removes what is no longer wanted.
 * @throws AmbitError AMB1832 for what is refused, AMB1849 for what does not become ready */
export async function runPlan(
  api: ObjectApi,
  plan: InstallPlan,
  timeoutMs: number,
  context: CommandContext,
): Promise<void> {
  for (const { name, objects, awaited } of plan.stages) {
    await withProgress(`applying ${name}`, context, async () => {
      for (const object of objects) await api.apply(object);
    });
    await awaitReady(api, awaited, timeoutMs, context);
    context.stderr(`${paint('✔', 'green', context)} ${name} installed\n`);
  }
  for (const object of plan.prune) await removeTold(api, object, context);
}

/** Removes an object, and says so. */
export async function removeTold(
  api: ObjectApi,
  object: KubernetesObject,
  context: CommandContext,
): Promise<void> {
  if (await api.remove(object)) context.stderr(`  removed ${titleOf(object)}\n`);
}
