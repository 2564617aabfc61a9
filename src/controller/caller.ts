// Who calls: what a bearer token proves about a proxy.

/** A ServiceAccount, and the pod that its token is bound to, if any. */
export interface Caller {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName?: string;
  readonly podUid?: string;
  readonly nodeName?: string;
}

/** Checks tokens. */
export interface TokenVerifier {
  /** Rejects with AMB1631 when the token proves nothing. */
  verify(token: string): Promise<Caller>;
}

/** The token in an `authorization` header; undefined when it is no bearer token. */
export function bearerToken(header: string | undefined): string | undefined {
  const match = /^bearer\s+(\S+)$/i.exec(header ?? '');
  return match?.[1];
}
