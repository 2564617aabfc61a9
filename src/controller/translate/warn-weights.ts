// Weights that are valid and yet hardly what their author meant (features section 1.1.5). Nobody is refused for them.

import type { RouteObject } from '../kinds/gateway-routes.ts';
import type { HttpRouteDestinationSpec, VirtualService } from '../kinds/networking.ts';
import type { Problem } from './finding.ts';

const whole = 100;

/** What to warn of in a VirtualService. */
export function warnOfWeights({ spec }: VirtualService): Problem[] {
  return (['http', 'tls', 'tcp'] as const).flatMap((protocol) =>
    (spec?.[protocol] ?? []).flatMap(({ route = [] }, index) =>
      weightsOf(route, `spec.${protocol}[${index}].route`),
    ),
  );
}

function weightsOf(destinations: readonly HttpRouteDestinationSpec[], path: string): Problem[] {
  const [only] = destinations;
  if (destinations.length === 1) {
    const weight = only?.weight ?? whole;
    if (weight === whole) return [];
    return [
      warning(`${path}[0].weight`, `${weight} does not count: the only destination gets all`),
    ];
  }
  const missing = destinations.flatMap(({ weight }, index) =>
    weight === undefined
      ? [warning(`${path}[${index}].weight`, 'is absent, which is 0: it gets nothing')]
      : [],
  );
  const total = destinations.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (destinations.length === 0 || total === whole) return missing;
  const text = `the weights add up to ${total}, not ${whole}; they count in proportion to that`;
  return [...missing, warning(path, text)];
}

/** What to warn of in a route of Gateway API, whose weights need not add up to anything. */
export function warnOfNoWeight({ spec }: RouteObject): Problem[] {
  return (spec?.rules ?? []).flatMap(({ backendRefs = [] }, index) =>
    backendRefs.length > 0 && backendRefs.every(({ weight }) => weight === 0)
      ? [warning(`spec.rules[${index}].backendRefs`, 'all weights are 0: nothing gets through')]
      : [],
  );
}

function warning(field: string, text: string): Problem {
  return { code: 'AMB1654', field, text };
}
