// What analysis says, under Istio's codes where Istio has one (features section 6.5.1) and always under ours.

import type { KubernetesObject } from '../../controller/kinds/object.ts';
import type { Code } from '../../mesh/catalogue.ts';

/** How bad it is. */
export const levels = ['Info', 'Warning', 'Error'] as const;

export type Level = (typeof levels)[number];

interface MessageKind {
  readonly name: string;
  readonly level: Level;
  /** Ours, unless the finding brings one. */
  readonly code: Code;
}

const kind = (name: string, level: Level, code: Code): MessageKind => ({ name, level, code });

/** The messages of Istio that are given here. IST0109 is an error there and a remark here: waypoints merge
 * what sidecars could not. */
export const messageKinds = {
  IST0002: kind('Deprecated', 'Warning', 'AMB1644'),
  IST0101: kind('ReferencedResourceNotFound', 'Error', 'AMB1695'),
  IST0106: kind('SchemaValidationError', 'Error', 'AMB1692'),
  IST0107: kind('MisplacedAnnotation', 'Warning', 'AMB1684'),
  IST0108: kind('UnknownAnnotation', 'Warning', 'AMB1684'),
  IST0109: kind('ConflictingMeshGatewayVirtualServiceHosts', 'Info', 'AMB1696'),
  IST0112: kind('VirtualServiceDestinationPortSelectorRequired', 'Error', 'AMB1695'),
  IST0116: kind('DeploymentAssociatedToMultipleServices', 'Warning', 'AMB1696'),
  IST0118: kind('PortNameIsNotUnderNamingConvention', 'Info', 'AMB1696'),
  IST0125: kind('InvalidAnnotation', 'Warning', 'AMB1684'),
  IST0127: kind('NoMatchingWorkloadsFound', 'Warning', 'AMB1696'),
  IST0128: kind('NoServerCertificateVerificationDestinationLevel', 'Warning', 'AMB1696'),
  IST0129: kind('NoServerCertificateVerificationPortLevel', 'Warning', 'AMB1696'),
  IST0130: kind('VirtualServiceUnreachableRule', 'Warning', 'AMB1614'),
  IST0131: kind('VirtualServiceIneffectiveMatch', 'Info', 'AMB1614'),
  IST0133: kind('SchemaWarning', 'Warning', 'AMB1644'),
  IST0134: kind('ServiceEntryAddressesRequired', 'Warning', 'AMB1665'),
  IST0135: kind('DeprecatedAnnotation', 'Info', 'AMB1684'),
  IST0136: kind('AlphaAnnotation', 'Info', 'AMB1684'),
  IST0137: kind('DeploymentConflictingPorts', 'Warning', 'AMB1696'),
  IST0139: kind('InvalidWebhook', 'Error', 'AMB1691'),
  IST0156: kind('UnsupportedGatewayAPIVersion', 'Error', 'AMB1623'),
  IST0157: kind('InvalidTelemetryProvider', 'Warning', 'AMB1695'),
  IST0159: kind('ConflictingTelemetryWorkloadSelectors', 'Error', 'AMB1696'),
  IST0160: kind('MultipleTelemetriesWithoutWorkloadSelectors', 'Error', 'AMB1696'),
  IST0166: kind('IneffectiveSelector', 'Warning', 'AMB1696'),
  IST0167: kind('IneffectivePolicy', 'Warning', 'AMB1696'),
  IST0171: kind('NegativeConditionStatus', 'Warning', 'AMB1696'),
  IST0172: kind('FutureUnsupportedGatewayAPIVersion', 'Warning', 'AMB1623'),
  IST0173: kind('DestinationRuleSubsetNotSelectPods', 'Error', 'AMB1696'),
  IST0174: kind('UnknownDestinationRuleHost', 'Warning', 'AMB1695'),
  IST0176: kind('GatewayAPICRDVersionBelowMinimum', 'Warning', 'AMB1623'),
  IST0177: kind('ConflictingServiceEntryProtocol', 'Warning', 'AMB1664'),
} as const satisfies Record<string, MessageKind>;

export type IstioCode = keyof typeof messageKinds;

/** One finding. */
export interface Message {
  /** `IST0101`, or our own where Istio has none. */
  readonly code: string;
  readonly level: Level;
  readonly ambitCode: Code;
  readonly object: KubernetesObject;
  /** Empty for the object as a whole. */
  readonly field: string;
  readonly text: string;
}

/** A message of Istio on a field of an object. */
export function message(
  code: IstioCode,
  object: KubernetesObject,
  field: string,
  text: string,
  ambitCode: Code = messageKinds[code].code,
): Message {
  return { code, level: messageKinds[code].level, ambitCode, object, field, text };
}

/** Whether a level is at least another. */
export function reaches(level: Level, threshold: Level): boolean {
  return levels.indexOf(level) >= levels.indexOf(threshold);
}
