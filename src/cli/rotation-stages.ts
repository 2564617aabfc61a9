// How one certificate authority takes the place of another while certificates below both are in use: what
// the Secret holds at each stage, and how proxies show that they have followed. Pure.

import { readPem, toPem } from '../wire/x509/pem.ts';

/** Files of an authority by the keys of the Secret `cacerts`. */
export type AuthorityFiles = ReadonlyMap<string, string>;

/** One change of the Secret. */
export interface RotationStage {
  /** What it brings about, in words. */
  readonly meaning: string;
  readonly files: AuthorityFiles;
  /** The roots that every proxy must trust before the next stage, in base64 of DER. */
  readonly roots: ReadonlySet<string>;
  /** The roots of the authority that signs from here on. */
  readonly signing: ReadonlySet<string>;
}

/** What a proxy holds for one identity, as its `/config_dump` tells. */
export interface HeldCertificate {
  readonly rootCerts?: readonly { readonly pem?: string }[];
}

/** The three stages, of which those that are done already change nothing. */
export function rotationStages(
  current: AuthorityFiles,
  coming: AuthorityFiles,
): readonly RotationStage[] {
  const [old, fresh] = [rootsOf(current), rootsOf(coming)];
  const both = [...new Set([...old, ...fresh])];
  const lists = [...new Set([current.get('ca-crl.pem'), coming.get('ca-crl.pem')])].join('');
  const shared = { 'root-cert.pem': pemOf(both), ...(lists !== '' && { 'ca-crl.pem': lists }) };
  const lastLists = coming.get('ca-crl.pem') ?? current.get('ca-crl.pem');
  return [
    {
      meaning: 'both authorities are trusted, the old one signs',
      files: filesOf(current, shared),
      roots: new Set(both),
      signing: new Set(old),
    },
    {
      meaning: 'both authorities are trusted, the new one signs',
      files: filesOf(coming, shared),
      roots: new Set(both),
      signing: new Set(fresh),
    },
    {
      meaning: 'the new authority alone is trusted',
      files: filesOf(coming, {
        'root-cert.pem': pemOf(fresh),
        ...(lastLists !== undefined && { 'ca-crl.pem': lastLists }),
      }),
      roots: new Set(fresh),
      signing: new Set(fresh),
    },
  ];
}

/** Whether a certificate came with the roots of a stage. The signing root is the first. */
export function hasFollowed({ rootCerts = [] }: HeldCertificate, stage: RotationStage): boolean {
  const roots = rootCerts.flatMap(({ pem = '' }) => derOf(Buffer.from(pem, 'base64').toString()));
  const [first = ''] = roots;
  return (
    stage.signing.has(first) &&
    roots.length === stage.roots.size &&
    roots.every((root) => stage.roots.has(root))
  );
}

/** An authority's files under the keys of `cacerts`, whichever it uses itself. */
function filesOf(from: AuthorityFiles, over: Readonly<Record<string, string>>): AuthorityFiles {
  return new Map(
    Object.entries({
      'ca-cert.pem': from.get('ca-cert.pem') ?? from.get('tls.crt') ?? '',
      'ca-key.pem': from.get('ca-key.pem') ?? from.get('tls.key') ?? '',
      'cert-chain.pem': from.get('cert-chain.pem') ?? '',
      ...over,
    }),
  );
}

function rootsOf(files: AuthorityFiles): readonly string[] {
  const named = files.get('root-cert.pem') ?? files.get('ca.crt') ?? '';
  return derOf(named === '' ? (files.get('ca-cert.pem') ?? files.get('tls.crt') ?? '') : named);
}

function derOf(pem: string): readonly string[] {
  const read = readPem('CERTIFICATE', pem);
  return read.kind === 'ok' ? read.value.map((der) => der.toString('base64')) : [];
}

function pemOf(roots: readonly string[]): string {
  return roots.map((root) => toPem('CERTIFICATE', Buffer.from(root, 'base64'))).join('');
}
