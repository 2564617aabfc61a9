// Values for property tests: what the mesh speaks of, and bytes that nobody meant.

import fc from 'fast-check';
import { type Endpoint, ipFromBytes } from '../../src/mesh/address.ts';
import { identityOf } from '../../src/mesh/identity.ts';

/** Addresses of both families, in canonical form. */
export const anAddress = fc
  .oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  )
  .map((bytes) => {
    const address = ipFromBytes(bytes);
    if (address === undefined) throw new Error('4 and 16 bytes are addresses');
    return address;
  });

/** Ports that can be connected to. */
export const aPort = fc.integer({ min: 1, max: 65_535 });

export const anEndpoint: fc.Arbitrary<Endpoint> = fc.record(
  { address: anAddress, port: aPort },
  { noNullPrototype: true },
);

/** A name as Kubernetes allows it. */
export const aName = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);

export const anIdentity = fc
  .record({ trustDomain: aName, namespace: aName, serviceAccount: aName })
  .map(identityOf);
/** Any bytes, and those that begin like `whole` and are cut or changed somewhere. */
export function damaged(whole: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const edited = fc
    .tuple(whole, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean())
    .map(([bytes, at, byte, cut]) => {
      const where = bytes.length === 0 ? 0 : at % bytes.length;
      const copy = Uint8Array.from(cut ? bytes.subarray(0, where) : bytes);
      if (!cut && copy.length > 0) copy[where] = byte;
      return copy;
    });
  return fc.oneof(fc.uint8Array({ maxLength: 512 }), edited);
}
