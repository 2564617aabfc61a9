// What is allowed in a VirtualService, and has no effect or probably not the one that is meant, as far as the
// object itself tells (features section 7.3).

import { parseIp } from '../../mesh/address.ts';
import type { HttpRouteSpec, VirtualService } from '../kinds/networking.ts';
import type { Problem } from './finding.ts';
import { withoutEffect } from './validate-balancers.ts';
import { warnOfWeights } from './warn-weights.ts';

/** From here on a body weighs on the controller, bytes. */
const largeBody = 100 * 1024;

/** What to warn of in a valid VirtualService. */
export function warnOfVirtualService(object: VirtualService): Problem[] {
  return [
    ...warnOfWeights(object),
    ...shortNames(object),
    ...(object.spec?.http ?? []).flatMap((route, index) => inRoute(route, `spec.http[${index}]`)),
    ...(object.spec?.tls ?? []).flatMap(({ match = [] }, index) =>
      match.flatMap(({ sniHosts = [] }, place) =>
        sniHosts.flatMap((name, at) =>
          parseIp(name) === undefined
            ? []
            : [
                withoutEffect(
                  `spec.tls[${index}].match[${place}].sniHosts[${at}]`,
                  `"${name}" is an address, which TLS clients never name (RFC 6066)`,
                ),
              ],
        ),
      ),
    ),
  ];
}

/** At an ingress gateway a host is compared as it is written. */
function shortNames({ spec = {} }: VirtualService): Problem[] {
  const isAtGateway = (spec.gateways ?? []).some((gateway) => gateway !== 'mesh');
  if (!isAtGateway) return [];
  return (spec.hosts ?? []).flatMap((host, index) => {
    if (host === '*' || host.includes('.') || parseIp(host) !== undefined) return [];
    const text = `"${host}" is completed by the namespace; write the full name at a gateway`;
    return [withoutEffect(`spec.hosts[${index}]`, text)];
  });
}

function inRoute(route: HttpRouteSpec, path: string): Problem[] {
  const { fault, directResponse, mirrorPercent } = route;
  const warnings: Problem[] = [];
  if (mirrorPercent !== undefined) {
    const text = 'is deprecated; write mirrorPercentage.value';
    warnings.push(withoutEffect(`${path}.mirrorPercent`, text));
  }
  const { httpStatus, grpcStatus, http2Error } = fault?.abort ?? {};
  const isTyped = [httpStatus, grpcStatus, http2Error].some((one) => one !== undefined);
  if (fault?.abort !== undefined && !isTyped) {
    warnings.push(withoutEffect(`${path}.fault.abort`, 'needs httpStatus or grpcStatus'));
  }
  const body = directResponse?.body?.string ?? directResponse?.body?.bytes ?? '';
  if (Buffer.byteLength(body) > largeBody) {
    const text = 'is larger than 100 KB, which weighs on the controller and all waypoints';
    warnings.push(withoutEffect(`${path}.directResponse.body`, text));
  }
  return warnings;
}
