// Envoy's short flags of a response: which belongs to which failure is decided where it fails; here they are put together.

/** In Envoy's order. */
const order =
  'LH UH UT LR UR UF UC UO NR DI FI RL UAEX RLSE DC URX SI IH DPE UMSDR RFCF NFCF DT UPE NC OM DF'.split(
    ' ',
  );

/** Several flags as one text, each once; `-` for none. */
export function joinFlags(...flags: readonly string[]): string {
  const all = new Set(flags.flatMap((one) => one.split(',')).filter((one) => one !== '-'));
  const rank = (flag: string): number => order.indexOf(flag);
  return all.size === 0 ? '-' : [...all].sort((a, b) => rank(a) - rank(b)).join(',');
}
