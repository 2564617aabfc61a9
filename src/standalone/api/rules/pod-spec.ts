// What a pod spec leaves to be filled in by rules that a schema cannot state.

import { isRecord, type JsonRecord, listAt, textAt } from '../json.ts';

/** Completes the spec of a pod or of a pod template, in place. */
export function completePodSpec(spec: JsonRecord | undefined): void {
  if (spec === undefined) return;
  for (const list of ['initContainers', 'containers']) {
    for (const container of listAt(spec, list)) {
      if (isRecord(container)) container['imagePullPolicy'] ??= pullPolicyOf(container);
    }
  }
  for (const volume of listAt(spec, 'volumes')) {
    // A volume that names no source is an empty directory.
    if (isRecord(volume) && Object.keys(volume).length === 1) volume['emptyDir'] = {};
  }
}

/** `latest` moves, so it is always asked for again. */
function pullPolicyOf(container: JsonRecord): string {
  const image = textAt(container, 'image') ?? '';
  const tag = /:([^/:@]+)(?:@|$)/.exec(image)?.[1];
  const digest = image.includes('@');
  return !digest && (tag === undefined || tag === 'latest') ? 'Always' : 'IfNotPresent';
}
