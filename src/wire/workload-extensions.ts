// What we tell of workloads and services beyond Istio's fields: extensions, which Istio's proxy skips (protocol
// section 4.5).

import { create } from '@bufbuild/protobuf';
import { anyPack, anyUnpack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { Workload } from '../mesh/workload.ts';
import { type Extension, ExtensionSchema } from './gen/istio/workload_pb.ts';
import { reject } from './result.ts';

const outboundPolicyName = 'ambit.io/outbound-traffic-policy';
/** The word of MeshConfig. */
const registryOnly = 'REGISTRY_ONLY';

const bypassedName = 'ambit.io/bypassed-waypoint';

type Extended = Pick<Workload, 'outboundPolicy' | 'bypassedWaypoint'>;

/** Reads our extensions; those of others are skipped. A value of ours that is not known is rejected: it
 * may forbid what would be allowed without it. */
export function extensionsFromMessage(extensions: readonly Extension[]): Extended {
  const policy = textOf(extensions, outboundPolicyName);
  if (policy !== undefined && policy !== registryOnly) {
    reject(`extension ${outboundPolicyName} has the value ${policy}`);
  }
  const bypassedWaypoint = textOf(extensions, bypassedName);
  return {
    ...(policy !== undefined && { outboundPolicy: 'registry-only' }),
    ...(bypassedWaypoint !== undefined && { bypassedWaypoint }),
  };
}

/** Writes our extensions. */
export function extensionsToMessage({ outboundPolicy, bypassedWaypoint }: Extended): Extension[] {
  return [
    ...(outboundPolicy === undefined ? [] : [extension(outboundPolicyName, registryOnly)]),
    ...(bypassedWaypoint === undefined ? [] : [extension(bypassedName, bypassedWaypoint)]),
  ];
}

/** The text of an extension; empty when it holds something else, undefined when it is not there. */
function textOf(extensions: readonly Extension[], name: string): string | undefined {
  const found = extensions.find((one) => one.name === name);
  if (found === undefined) return undefined;
  return (found.config && anyUnpack(found.config, StringValueSchema)?.value) ?? '';
}

function extension(name: string, value: string): Extension {
  const config = anyPack(StringValueSchema, create(StringValueSchema, { value }));
  return create(ExtensionSchema, { name, config });
}
