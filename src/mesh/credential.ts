// What a waypoint proves itself with towards servers outside of the mesh, and whom it trusts there.

/** The contents of a Secret or ConfigMap that a DestinationRule names. */
export interface Credential {
  /** As the rule names it: `NAME`, or `configmap://NAME`. */
  readonly name: string;
  /** PEM, the leaf first. */
  readonly certificateChain?: string;
  /** PEM. Never to be logged or shown. */
  readonly privateKey?: string;
  /** PEM. */
  readonly authorities?: string;
  /** PEM. */
  readonly revocationLists?: string;
  /** Why there is nothing to be used, in words. */
  readonly problem?: string;
}
