// ambit rotate-root: puts another certificate authority in the place of the one in force, stage by stage,
// and waits at each until every proxy has followed, so that no connection fails.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import { Cluster } from '../cluster.ts';
import type { Command, CommandContext } from '../command.ts';
import { kubeconfigCandidates } from '../kubeconfig.ts';
import { positiveInteger } from '../laptop.ts';
import { isProxy } from '../proxies.ts';
import {
  type AuthorityFiles,
  type HeldCertificate,
  hasFollowed,
  type RotationStage,
  rotationStages,
} from '../rotation-stages.ts';

const lookEveryMs = 500;
const maxSeconds = 86_400;

const usage = `ambit rotate-root FOLDER   exchange the certificate authority of the mesh

FOLDER holds the new authority: ca-cert.pem, ca-key.pem, root-cert.pem, and where there are intermediates
cert-chain.pem. The Secret cacerts is changed in three stages: both roots are trusted; the new authority
signs; the old root is dropped. Between them the command waits until every proxy has followed. Run it
again after an interruption: it goes on where it was.

  --namespace NS    the controller's namespace (istio-system)
  --timeout SECONDS how long to wait for the proxies at each stage (600)
  --name MESH       the mesh of this machine (ambit); KUBECONFIG wins`;

export const rotateRoot: Command = {
  name: 'rotate-root',
  summary: 'exchange the certificate authority without a failed connection',
  usage,
  async run(args, context) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        namespace: { type: 'string', default: 'istio-system' },
        timeout: { type: 'string', default: '600' },
        name: { type: 'string', default: 'ambit' },
      },
    });
    const seconds = positiveInteger('--timeout', values.timeout, maxSeconds);
    const [folder] = positionals;
    if (folder === undefined || positionals.length > 1) {
      throw new AmbitError('AMB1801', `rotate-root needs one FOLDER\n${usage}`);
    }
    const coming = await authorityIn(path.resolve(context.cwd, folder));
    const cluster = new Cluster(kubeconfigCandidates(context.env, values.name));
    const secrets = `/api/v1/namespaces/${values.namespace}/secrets`;
    const current = await authorityInForce(cluster, secrets);
    const stages = rotationStages(current, coming);
    for (const [index, stage] of stages.entries()) {
      await writeSecret(cluster, secrets, values.namespace, stage.files);
      const proxies = await untilFollowed(cluster, stage, seconds, context);
      context.stdout(`${index + 1} of ${stages.length}: ${stage.meaning} (${proxies} proxies)\n`);
    }
    return 0;
  },
};

const keys = ['ca-cert.pem', 'ca-key.pem', 'root-cert.pem', 'cert-chain.pem', 'ca-crl.pem'];

/** Reads the new authority; AMB1808 when a file is missing or they do not belong together. */
async function authorityIn(folder: string): Promise<AuthorityFiles> {
  const files = new Map<string, string>();
  for (const [index, key] of keys.entries()) {
    const file = path.join(folder, key);
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      if (index < 3) throw new AmbitError('AMB1808', 'cannot be read', { object: file, cause });
      return undefined;
    });
    if (text !== undefined) files.set(key, text);
  }
  try {
    const certificate = new X509Certificate(files.get('ca-cert.pem') ?? '');
    const key = createPrivateKey(files.get('ca-key.pem') ?? '');
    if (certificate.ca && certificate.checkPrivateKey(key)) return files;
  } catch (cause) {
    throw new AmbitError('AMB1808', 'ca-cert.pem or ca-key.pem is no PEM', {
      object: folder,
      cause,
    });
  }
  throw new AmbitError('AMB1808', 'ca-cert.pem is no authority, or ca-key.pem is of another', {
    object: folder,
  });
}

interface SecretObject {
  readonly metadata: { readonly resourceVersion?: string };
  readonly data?: Readonly<Record<string, string>>;
}

/** As the controller chooses: what was plugged in before what it made itself. */
async function authorityInForce(cluster: Cluster, secrets: string): Promise<AuthorityFiles> {
  const found =
    (await cluster.find(`${secrets}/cacerts`)) ?? (await cluster.get(`${secrets}/istio-ca-secret`));
  const { data = {} } = found as SecretObject;
  return new Map(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
}

async function writeSecret(
  cluster: Cluster,
  secrets: string,
  namespace: string,
  files: AuthorityFiles,
): Promise<void> {
  const encoded = [...files].map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name: 'cacerts', namespace },
    data: Object.fromEntries(encoded) as Record<string, string>,
  };
  const existing = (await cluster.find(`${secrets}/cacerts`)) as
    | (SecretObject & { readonly type?: string })
    | undefined;
  if (existing === undefined) {
    await cluster.send('POST', secrets, body);
    return;
  }
  // A Secret's type cannot be changed.
  const { metadata, type = body.type } = existing;
  await cluster.send('PUT', `${secrets}/cacerts`, { ...body, type, metadata });
}

/** Answers how many proxies have followed. Rejects with AMB1809 when some do not in time. */
async function untilFollowed(
  cluster: Cluster,
  stage: RotationStage,
  seconds: number,
  { signal }: CommandContext,
): Promise<number> {
  const endMs = Date.now() + seconds * 1_000;
  for (;;) {
    const pods = (await cluster.list('/api/v1/pods')).filter(isProxy);
    const behind: string[] = [];
    for (const pod of pods) {
      const problem = await cluster.podAdmin(pod, '/config_dump').then(
        (dump) => problemOf(dump as { certificates?: readonly HeldCertificate[] }, stage),
        (error: unknown) => causeChain(error),
      );
      if (problem !== undefined) behind.push(`${pod.metadata.name} (${problem})`);
    }
    if (behind.length === 0) return pods.length;
    if (Date.now() > endMs) {
      throw new AmbitError('AMB1809', `"${stage.meaning}": ${behind.join('; ')}`);
    }
    await wait(lookEveryMs, undefined, { signal });
  }
}

function problemOf(
  { certificates = [] }: { readonly certificates?: readonly HeldCertificate[] },
  stage: RotationStage,
): string | undefined {
  const behind = certificates.filter((held) => !hasFollowed(held, stage)).length;
  return behind === 0 ? undefined : `${behind} of ${certificates.length} certificates are older`;
}
