// A short name for a pod template, the same for equal templates.

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const length = 8;

/** Eight letters or digits, without vowels, so that they never form words. `salt` makes another name for
 * the same template, after two templates were found to share one. */
export function hashTemplate(template: unknown, salt = 0): string {
  const text = `${canonical(template)}#${salt}`;
  // FNV-1a, 64 bits.
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  let name = '';
  for (let index = 0; index < length; index++) {
    name += alphabet[Number(hash % 27n)];
    hash /= 27n;
  }
  return name;
}

/** JSON with sorted members. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join(',')}}`;
}
