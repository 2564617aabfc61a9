// What becomes of the plugin when the agent ends. Pure.

/** What the API server says of the agent's own DaemonSet. */
export type OwnSet =
  | {
      readonly kind: 'found';
      readonly deleting: boolean;
      /** `spec.template.spec.nodeSelector`. */
      readonly nodeSelector: Readonly<Record<string, string>>;
    }
  /** 404 or 401: it is gone, or the account that may read it is. */
  | { readonly kind: 'gone'; readonly words: string }
  /** No answer, or one that says nothing about it. */
  | { readonly kind: 'unknown'; readonly words: string };

/** What is left on the node, and why. */
export interface ExitDecision {
  /** `installed`: everything; `unplugged`: the pods of the mesh, but no plugin; `clean`: nothing. */
  readonly leave: 'installed' | 'unplugged' | 'clean';
  readonly reason: string;
}

/** Decides. In doubt the plugin stays: pods then wait for the next agent, where without it they would
 * start unprotected. @param labels of the node, as they are now */
export function decideExit(
  set: OwnSet,
  labels: Readonly<Record<string, string>>,
  disableSafeUpgrade: boolean,
): ExitDecision {
  const decision = withSafeUpgrade(set, labels);
  if (decision.leave === 'clean' || !disableSafeUpgrade) return decision;
  return { leave: 'unplugged', reason: 'AMBIENT_DISABLE_SAFE_UPGRADE is set' };
}

function withSafeUpgrade(set: OwnSet, labels: Readonly<Record<string, string>>): ExitDecision {
  switch (set.kind) {
    case 'gone':
      return { leave: 'clean', reason: `the DaemonSet is gone (${set.words})` };
    case 'unknown':
      return { leave: 'installed', reason: `the DaemonSet may be there still (${set.words})` };
    case 'found': {
      if (set.deleting) return { leave: 'clean', reason: 'the DaemonSet is being deleted' };
      const missed = Object.entries(set.nodeSelector).find(([key, value]) => labels[key] !== value);
      if (missed === undefined) {
        return { leave: 'installed', reason: 'the DaemonSet is there: another agent comes' };
      }
      const wanted = missed.join('=');
      return {
        leave: 'clean',
        reason: `the DaemonSet does not want this node any more (${wanted})`,
      };
    }
  }
}
