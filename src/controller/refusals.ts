// What proxies refuse, as findings on the objects that it came from. Pure.

import { typeUrls } from '../wire/xds.ts';
import type { Refusal } from './publish/xds-server.ts';
import type { Finding } from './translate/finding.ts';

/** Findings for standing refusals. A refusal names each resource as `NAME: REASON`, joined by `; `
 * (protocol section 4.3); what has another form is in the log and at the debug endpoint only. */
export function refusalFindings(refusals: readonly Refusal[]): Finding[] {
  return refusals.flatMap(({ proxy, typeUrl, reason }) =>
    reason.split('; ').flatMap((item): Finding[] => {
      const [, namespace, name, problem] = /^([^/ ]+)\/([^/: ]+): (.+)$/.exec(item) ?? [];
      if (namespace === undefined || name === undefined) return [];
      const message = `AMB1641 ${proxy} refuses it: ${problem}; it keeps the version that it had`;
      const shared = {
        status: 'False',
        reason: 'RefusedByProxy',
        message,
        code: 'AMB1641',
      } as const;
      if (typeUrl === typeUrls.authorization) {
        const object = { kind: 'AuthorizationPolicy', namespace, name } as const;
        return [{ object, type: 'ZtunnelAccepted', ...shared }];
      }
      if (typeUrl !== typeUrls.serviceConfig && typeUrl !== typeUrls.address) return [];
      const [service = ''] = name.split('.');
      const object = { kind: 'Service', namespace, name: service } as const;
      return [{ object, type: 'ambit.io/Programmed', ...shared }];
    }),
  );
}
