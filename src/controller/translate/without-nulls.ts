// Istio's schemas let some optional fields be null, which is what clients in Go write for "not set".

/** A value without fields that are null, at any depth. Elements of lists stay. */
export function withoutNulls<T>(value: T): T {
  return strip(value) as T;
}

function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (typeof value !== 'object' || value === null) return value;
  const present = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(present.map(([name, inner]) => [name, strip(inner)]));
}
