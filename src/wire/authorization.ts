// L4 policies to and from `istio.security.Authorization` (protocol section 4.8).

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Cidr, ipFromBytes, ipToBytes } from '../mesh/address.ts';
import type { Authorization, AuthorizationMatch, StringMatch } from '../mesh/authorization.ts';
import {
  Action,
  type Address,
  AddressSchema,
  AuthorizationSchema,
  ClauseSchema,
  GroupSchema,
  type Match,
  MatchSchema,
  Scope,
  ServiceAccountMatchSchema,
  type StringMatch as StringMatchMessage,
  StringMatchSchema,
} from './gen/istio/authorization_pb.ts';
import { decoding, type Result, reject, wordOf } from './result.ts';

const scopes = {
  global: Scope.GLOBAL,
  namespace: Scope.NAMESPACE,
  workload: Scope.WORKLOAD_SELECTOR,
} as const;
const actions = { allow: Action.ALLOW, deny: Action.DENY } as const;

/** The resource's name, `NAMESPACE/NAME`. */
export function nameOfAuthorization(policy: Authorization): string {
  return `${policy.namespace}/${policy.name}`;
}

/** Reads a policy. */
export function decodeAuthorization(bytes: Uint8Array): Result<Authorization> {
  return decoding('istio.security.Authorization', () => {
    const message = fromBinary(AuthorizationSchema, bytes);
    return {
      name: message.name,
      namespace: message.namespace,
      scope: wordOf(scopes, message.scope, 'scope'),
      action: wordOf(actions, message.action, 'action'),
      groups: message.groups.map(({ clauses }) => ({
        clauses: clauses.map(({ matches }) => ({ matches: matches.map(matchFrom) })),
      })),
      dryRun: message.dryRun,
    };
  });
}

/** The bytes of a policy. Equal values give equal bytes. */
export function encodeAuthorization(policy: Authorization): Uint8Array {
  const message = create(AuthorizationSchema, {
    name: policy.name,
    namespace: policy.namespace,
    scope: scopes[policy.scope],
    action: actions[policy.action],
    groups: policy.groups.map((group) =>
      create(GroupSchema, {
        clauses: group.clauses.map((clause) =>
          create(ClauseSchema, { matches: clause.matches.map(matchTo) }),
        ),
      }),
    ),
    dryRun: policy.dryRun,
  });
  return toBinary(AuthorizationSchema, message);
}

function matchFrom(match: Match): AuthorizationMatch {
  return {
    namespaces: match.namespaces.map(textFrom),
    notNamespaces: match.notNamespaces.map(textFrom),
    principals: match.principals.map(textFrom),
    notPrincipals: match.notPrincipals.map(textFrom),
    sourceIps: match.sourceIps.map(cidrFrom),
    notSourceIps: match.notSourceIps.map(cidrFrom),
    destinationIps: match.destinationIps.map(cidrFrom),
    notDestinationIps: match.notDestinationIps.map(cidrFrom),
    destinationPorts: match.destinationPorts,
    notDestinationPorts: match.notDestinationPorts,
    serviceAccounts: match.serviceAccounts.map(accountFrom),
    notServiceAccounts: match.notServiceAccounts.map(accountFrom),
  };
}

function matchTo(match: AuthorizationMatch): Match {
  return create(MatchSchema, {
    namespaces: match.namespaces.map(textTo),
    notNamespaces: match.notNamespaces.map(textTo),
    principals: match.principals.map(textTo),
    notPrincipals: match.notPrincipals.map(textTo),
    sourceIps: match.sourceIps.map(cidrTo),
    notSourceIps: match.notSourceIps.map(cidrTo),
    destinationIps: match.destinationIps.map(cidrTo),
    notDestinationIps: match.notDestinationIps.map(cidrTo),
    destinationPorts: [...match.destinationPorts],
    notDestinationPorts: [...match.notDestinationPorts],
    serviceAccounts: match.serviceAccounts.map((account) =>
      create(ServiceAccountMatchSchema, { ...account }),
    ),
    notServiceAccounts: match.notServiceAccounts.map((account) =>
      create(ServiceAccountMatchSchema, { ...account }),
    ),
  });
}

function accountFrom(message: { namespace: string; serviceAccount: string }) {
  return { namespace: message.namespace, serviceAccount: message.serviceAccount };
}

function textFrom({ matchType }: StringMatchMessage): StringMatch {
  switch (matchType.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
      return { kind: matchType.case, value: matchType.value };
    case 'presence':
      return { kind: 'presence' };
    case undefined:
      return reject('a text match has no kind');
  }
}

function textTo(match: StringMatch): StringMatchMessage {
  if (match.kind === 'presence') {
    return create(StringMatchSchema, { matchType: { case: 'presence', value: {} } });
  }
  return create(StringMatchSchema, { matchType: { case: match.kind, value: match.value } });
}

function cidrFrom(message: Address): Cidr {
  const address = ipFromBytes(message.address) ?? reject('an address is not 4 or 16 bytes');
  if (message.length > message.address.length * 8) reject(`prefix length ${message.length}`);
  return { address, length: message.length };
}

function cidrTo({ address, length }: Cidr): Address {
  return create(AddressSchema, { address: ipToBytes(address), length });
}
