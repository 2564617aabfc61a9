// One nftables rule as a value, with its two written forms: the text that nft reads and the JSON
// that nft lists, so that what is installed can be compared with what is wanted. Pure.

/** `!=` where `not` is set. */
interface Negatable {
  readonly not?: boolean;
}

/** What a packet must be like. */
export type Match =
  | ({ readonly kind: 'family'; readonly family: 'ipv4' | 'ipv6' } & Negatable)
  | ({ readonly kind: 'protocol'; readonly protocol: 'tcp' | 'udp' } & Negatable)
  | ({
      readonly kind: 'address';
      readonly side: 'saddr' | 'daddr';
      readonly family: 'ip' | 'ip6';
      /** An address in canonical form, or `@` and the name of a set. */
      readonly address: string;
    } & Negatable)
  | ({
      readonly kind: 'port';
      readonly protocol: 'tcp' | 'udp';
      readonly side: 'sport' | 'dport';
      readonly port: number;
    } & Negatable)
  | ({
      readonly kind: 'mark';
      readonly of: 'meta' | 'ct';
      readonly mask: number;
      readonly value: number;
    } & Negatable)
  | ({
      readonly kind: 'interface';
      readonly side: 'iifname' | 'oifname';
      readonly name: string;
    } & Negatable)
  | ({ readonly kind: 'socket-user'; readonly uid: number } & Negatable)
  /** The first packet of a connection, as the kernel tracks it. */
  | ({ readonly kind: 'new-connection' } & Negatable)
  /** Sent to the very address it arrives at, not to that of a service. */
  | ({ readonly kind: 'sent-directly' } & Negatable);

/** What happens to it then. */
export type Action =
  | { readonly kind: 'accept' }
  | { readonly kind: 'return' }
  /** A TCP connection is refused. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'redirect'; readonly port: number }
  | { readonly kind: 'snat'; readonly family: 'ip' | 'ip6'; readonly address: string }
  /** Writes `value` into the bits of `mask` of the connection's mark. */
  | { readonly kind: 'mark-connection'; readonly mask: number; readonly value: number }
  /** Copies the connection's mark to the packet. */
  | { readonly kind: 'restore-mark' }
  | { readonly kind: 'zone'; readonly zone: number };

/** A rule. Its comment is shown by `nft list`, for whoever looks into a pod. */
export interface Rule {
  readonly matches: readonly Match[];
  readonly action: Action;
  readonly comment: string;
}

/** A rule as nft reads it. */
export function ruleText(rule: Rule): string {
  const parts = [...rule.matches.map(matchText), 'counter', actionText(rule.action)];
  return `${parts.join(' ')} comment "${rule.comment}"`;
}

function matchText(match: Match): string {
  const equals = match.not === true ? '!= ' : '';
  switch (match.kind) {
    case 'family':
      return `meta nfproto ${equals}${match.family}`;
    case 'protocol':
      return `meta l4proto ${equals}${match.protocol}`;
    case 'address':
      return `${match.family} ${match.side} ${equals}${match.address}`;
    case 'port':
      return `${match.protocol} ${match.side} ${equals}${match.port}`;
    case 'mark': {
      const compare = match.not === true ? '!=' : '==';
      return `${match.of} mark & ${hex(match.mask)} ${compare} ${hex(match.value)}`;
    }
    case 'interface':
      return `${match.side} ${equals}"${match.name}"`;
    case 'socket-user':
      return `meta skuid ${equals}${match.uid}`;
    case 'new-connection':
      return `ct state ${equals}new`;
    case 'sent-directly':
      return `ct status & dnat ${match.not === true ? '==' : '!='} dnat`;
  }
}

function actionText(action: Action): string {
  switch (action.kind) {
    case 'accept':
    case 'return':
      return action.kind;
    case 'reset':
      return 'reject with tcp reset';
    case 'jump':
      return `jump ${action.chain}`;
    case 'redirect':
      return `redirect to :${action.port}`;
    case 'snat':
      return `snat ${action.family} to ${action.address}`;
    case 'mark-connection':
      return `ct mark set ct mark & ${hex(without(action.mask))} | ${hex(action.value)}`;
    case 'restore-mark':
      return 'meta mark set ct mark';
    case 'zone':
      return `ct zone set ${action.zone}`;
  }
}

/** A rule's expressions as `nft --json list` gives them, without counters (libnftables-json(5)). */
export function ruleExpressions(rule: Rule): readonly unknown[] {
  return [...rule.matches.map(matchExpression), actionExpression(rule.action)];
}

function matchExpression(match: Match): unknown {
  const op = match.not === true ? '!=' : '==';
  switch (match.kind) {
    case 'family':
      return { match: { op, left: { meta: { key: 'nfproto' } }, right: match.family } };
    case 'protocol':
      return { match: { op, left: { meta: { key: 'l4proto' } }, right: match.protocol } };
    case 'address': {
      const left = { payload: { protocol: match.family, field: match.side } };
      return { match: { op, left, right: match.address } };
    }
    case 'port': {
      const left = { payload: { protocol: match.protocol, field: match.side } };
      return { match: { op, left, right: match.port } };
    }
    case 'mark': {
      const left = { '&': [{ [match.of]: { key: 'mark' } }, match.mask] };
      return { match: { op, left, right: match.value } };
    }
    case 'interface':
      return { match: { op, left: { meta: { key: match.side } }, right: match.name } };
    case 'socket-user':
      return { match: { op, left: { meta: { key: 'skuid' } }, right: match.uid } };
    case 'new-connection': {
      // nft lists a single state, which is a set of bits, as membership.
      const left = { ct: { key: 'state' } };
      return { match: { op: match.not === true ? '!=' : 'in', left, right: 'new' } };
    }
    case 'sent-directly': {
      const left = { '&': [{ ct: { key: 'status' } }, 'dnat'] };
      return { match: { op: match.not === true ? '==' : '!=', left, right: 'dnat' } };
    }
  }
}

function actionExpression(action: Action): unknown {
  switch (action.kind) {
    case 'accept':
    case 'return':
      return { [action.kind]: null };
    case 'reset':
      return { reject: { type: 'tcp reset' } };
    case 'jump':
      return { jump: { target: action.chain } };
    case 'redirect':
      return { redirect: { port: action.port } };
    case 'snat':
      return { snat: { family: action.family, addr: action.address } };
    case 'mark-connection':
      return {
        mangle: {
          key: { ct: { key: 'mark' } },
          value: { '|': [{ '&': [{ ct: { key: 'mark' } }, without(action.mask)] }, action.value] },
        },
      };
    case 'restore-mark':
      return { mangle: { key: { meta: { key: 'mark' } }, value: { ct: { key: 'mark' } } } };
    case 'zone':
      return { mangle: { key: { ct: { key: 'zone' } }, value: action.zone } };
  }
}

/** All bits of a mark but those of the mask. */
function without(mask: number): number {
  return ~mask >>> 0;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
