// Telemetry: providers that exist, and one object per place.

import { describeObject, selects } from '../../../controller/kinds/object.ts';
import type { Telemetry } from '../../../controller/kinds/unwatched.ts';
import { type Message, message } from '../message.ts';
import { meshTextOf, providersOf } from '../providers.ts';
import type { World } from '../world.ts';

const kind = 'telemetry.istio.io/Telemetry';
const parts = ['tracing', 'metrics', 'accessLogging'] as const;

/** IST0157: providers that the mesh configuration does not have, or none at all. */
export function telemetryProviders(world: World): Message[] {
  const known = providersOf(world);
  const { defaultProviders = {} } = meshTextOf(world);
  return world.of<Telemetry>(kind).flatMap((object) =>
    parts.flatMap((part) =>
      (object.spec?.[part] ?? []).flatMap(({ providers = [] }, index) => {
        const field = `spec.${part}[${index}].providers`;
        if (
          providers.length === 0 &&
          part !== 'metrics' &&
          (defaultProviders[part] ?? []).length === 0
        ) {
          const text = `names no provider, and meshConfig.defaultProviders.${part} has none`;
          return [message('IST0157', object, field, text)];
        }
        return providers.flatMap(({ name = '' }, place) =>
          known.has(name.toLowerCase())
            ? []
            : [message('IST0157', object, `${field}[${place}]`, `provider not found: "${name}"`)],
        );
      }),
    ),
  );
}

/** IST0159 and IST0160: several for the same pods, or for a whole namespace. */
export function telemetryConflicts(world: World): Message[] {
  const all = world.of<Telemetry>(kind).filter(({ spec }) => (spec?.targetRefs ?? []).length === 0);
  return all.flatMap((object) => {
    const { namespace } = object.metadata;
    const rivals = all.filter((one) => one !== object && one.metadata.namespace === namespace);
    const labels = object.spec?.selector?.matchLabels;
    if (labels === undefined || Object.keys(labels).length === 0) {
      const same = rivals.filter(
        ({ spec }) => Object.keys(spec?.selector?.matchLabels ?? {}).length === 0,
      );
      if (same.length === 0) return [];
      const text = `${same.map(describeObject).join(', ')} has no selector either; only the oldest counts`;
      return [message('IST0160', object, 'spec.selector', text)];
    }
    const pods = world.podsWith(labels, namespace);
    const others = rivals.filter(({ spec }) => {
      const theirs = spec?.selector?.matchLabels ?? {};
      const isSelective = Object.keys(theirs).length > 0;
      return isSelective && pods.some(({ metadata }) => selects(theirs, metadata.labels));
    });
    if (others.length === 0) return [];
    const text = `${others.map(describeObject).join(', ')} selects some of the same pods; only the oldest counts`;
    return [message('IST0159', object, 'spec.selector', text)];
  });
}
