// Algebra of sets of paths.

type Paths = ReadonlySet<string>;

/** What is in `left` and not in `right`. */
export function minus(left: Paths, right: Paths): Set<string> {
  return new Set([...left].filter((path) => !right.has(path)));
}

/** What is in either. */
export function union(left: Paths, right: Paths): Set<string> {
  return new Set([...left, ...right]);
}

/** What is in both. */
export function intersection(left: Paths, right: Paths): Set<string> {
  return new Set([...left].filter((path) => right.has(path)));
}

/** Whether both have the same members. */
export function sameMembers(left: Paths, right: Paths): boolean {
  return left.size === right.size && [...left].every((path) => right.has(path));
}
