// What we tell of a workload beyond Istio's fields: extensions, which Istio's proxy skips (protocol
// section 4.5).

import { create } from '@bufbuild/protobuf';
import { anyPack, anyUnpack, StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { Workload } from '../mesh/workload.ts';
import { type Extension, ExtensionSchema } from './gen/istio/workload_pb.ts';
import { reject } from './result.ts';

const outboundPolicyName = 'ambit.io/outbound-traffic-policy';
/** The word of MeshConfig. */
const registryOnly = 'REGISTRY_ONLY';

type Extended = Pick<Workload, 'outboundPolicy'>;

/** Reads our extensions; those of others are skipped. A value of ours that is not known is rejected: it
 * may forbid what would be allowed without it. */
export function extensionsFromMessage(extensions: readonly Extension[]): Extended {
  const found = extensions.find(({ name }) => name === outboundPolicyName);
  if (found === undefined) return {};
  const value = found.config && anyUnpack(found.config, StringValueSchema)?.value;
  if (value !== registryOnly) reject(`extension ${outboundPolicyName} has the value ${value}`);
  return { outboundPolicy: 'registry-only' };
}

/** Writes our extensions. */
export function extensionsToMessage({ outboundPolicy }: Extended): Extension[] {
  if (outboundPolicy === undefined) return [];
  const value = create(StringValueSchema, { value: registryOnly });
  const config = anyPack(StringValueSchema, value);
  return [create(ExtensionSchema, { name: outboundPolicyName, config })];
}
