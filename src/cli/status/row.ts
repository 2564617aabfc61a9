// One part of the mesh as `ambit status` tells it.

/** What is wrong with a part, and what to do. */
export interface Trouble {
  readonly why: string;
  readonly remedy: string;
}

/** A line of the report. */
export interface StatusRow {
  readonly part: string;
  /** Such as `2/3`. */
  readonly ready: string;
  readonly isReady: boolean;
  /** What else there is to say, such as who leads. */
  readonly note: string;
  readonly troubles: readonly Trouble[];
}

/** Troubles told of one part; the others are counted. */
const maxTroubles = 5;

/** A row that is ready when nothing is wrong with it. */
export function rowOf(
  part: string,
  ready: string,
  note: string,
  troubles: readonly Trouble[],
): StatusRow {
  const more = troubles.length - maxTroubles;
  const told = troubles.slice(0, maxTroubles);
  const rest = { why: `${more} more`, remedy: '-o json has all of them' };
  return {
    part,
    ready,
    isReady: troubles.length === 0,
    note,
    troubles: more > 0 ? [...told, rest] : told,
  };
}
