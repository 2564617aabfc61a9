// Makes the cluster have the objects that the controller wants: server-side apply, and removal. Fields that
// others have set are taken back from them only where nobody else has any business; elsewhere they are
// left, and the author is told.

import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { type Changes, contentOf, type DesiredObject, type UnwantedObject } from '../desired.ts';
import { describeObject, type KubernetesObject } from '../kinds/object.ts';
import type { Finding, ObjectReference } from '../translate/finding.ts';
import { type ApiClient, ApiError, type FieldConflict } from './api-client.ts';
import type { Term } from './leader-election.ts';
import { withoutFields } from './without-fields.ts';

/** How long the watch may take to show what was applied, before it is applied again. */
const settlingMs = 500;
/** A second attempt may meet fields that somebody has set meanwhile. */
const maxAttempts = 3;

/** The condition on the author's object about what was not applied as wanted. */
export const provisionedCondition = 'ambit.io/Provisioned';

/** What is known of an object since it was applied. */
interface Applied {
  readonly content: string;
  /** Changes when somebody changes the object, but not with its status. */
  readonly version: string;
  readonly atMs: number;
}

/** What its author is told of an object. */
interface Told {
  readonly author: ObjectReference;
  readonly reason: 'FieldConflict' | 'Refused' | 'Rival';
  readonly text: string;
}

const toldCodes = { FieldConflict: 'AMB1670', Refused: 'AMB1671', Rival: 'AMB1672' } as const;

/** Field managers that are control planes: Istio's, and ours. */
const controlPlanes = /"(?:pilot-discovery|ambit-controller[^"]*)"/;

/** The object belongs to another control plane, which puts back what is taken from it. */
class RivalError extends Error {}

/** Applies changes one after another. */
export class ObjectApplier {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #applied = new Map<string, Applied>();
  readonly #told = new Map<string, Told>();

  constructor(client: ApiClient, clock: Clock, log: Logger) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether an object is as it was after it was applied here last. */
  readonly isSettled = (path: string, existing: KubernetesObject): boolean =>
    this.#applied.get(path)?.version === versionOf(existing);

  /** Answers whether everything is done, as long as the term is held; what failed comes up again at the next
   * translation. */
  async apply(changes: Changes, term: Term): Promise<boolean> {
    let done = true;
    for (const wanted of changes.apply) {
      if (!term.isHeld()) return true;
      if (!(await this.#applyOne(wanted, term))) done = false;
    }
    for (const unwanted of changes.remove) {
      if (!term.isHeld()) return true;
      if (!(await this.#remove(unwanted, term))) done = false;
    }
    return done;
  }

  /** What authors are to be told of objects that were not applied as wanted, one finding for each. */
  findings(): Finding[] {
    const byAuthor = Map.groupBy(this.#told.values(), ({ author }) => JSON.stringify(author));
    return [...byAuthor.values()].flatMap((all): Finding[] => {
      const [first] = all;
      if (first === undefined) return [];
      const { author, reason } = all.find((one) => one.reason === 'Refused') ?? first;
      const code = toldCodes[reason];
      const message = `${code} ${all.map(({ text }) => text).join('; ')}`;
      return [
        { object: author, type: provisionedCondition, status: 'False', reason, message, code },
      ];
    });
  }

  /** Forgets what concerns authors that are gone, and rivals of objects that are as wanted by now. */
  keepOnly(isThere: (author: ObjectReference) => boolean, wanted: readonly DesiredObject[]): void {
    const paths = new Set(wanted.map(({ path }) => path));
    for (const [path, { author, reason }] of this.#told) {
      if (reason === 'Rival' ? !paths.has(path) : !isThere(author)) this.#told.delete(path);
    }
  }

  async #applyOne(wanted: DesiredObject, term: Term): Promise<boolean> {
    const { path, body, author } = wanted;
    if (this.#isSettling(wanted)) return false;
    if (this.#isLeft(wanted)) return true;
    const object = describeObject(body);
    try {
      const { result, conflicts } = await this.#send(wanted, term);
      const before = this.#applied.get(path);
      const version = versionOf(result);
      const isChange = version !== (before?.version ?? versionOf(wanted.existing));
      this.#applied.set(path, {
        content: contentOf(body),
        version,
        atMs: this.#clock.monotonic(),
      });
      if (author && conflicts.length > 0) this.#tellConflicts(path, object, author, conflicts);
      else this.#told.delete(path);
      if (isChange) this.#log.info({ object }, 'applied');
      return true;
    } catch (error) {
      if (!term.isHeld()) return true;
      if (error instanceof RivalError) {
        this.#leave(wanted, error);
        return true;
      }
      // A namespace that is going away takes nothing new, and one that has gone has nothing.
      if (error instanceof ApiError && (error.status === 404 || isTerminating(error))) return true;
      if (author && error instanceof ApiError && isRefusal(error)) {
        this.#tell(path, { author, reason: 'Refused', text: `${object}: ${error.message}` });
        return false;
      }
      this.#log.warn({ code: 'AMB1622', object }, `not applied: ${causeChain(error)}`);
      return false;
    }
  }

  /** Sends what is wanted, without the fields of others if it has an author to be told. */
  async #send(
    { path, body, author, yieldsToRivals }: DesiredObject,
    { signal }: Term,
  ): Promise<{ result: KubernetesObject; conflicts: readonly FieldConflict[] }> {
    if (author === undefined) {
      const result = yieldsToRivals
        ? await this.#takeFromOthers(path, body, signal)
        : await this.#client.patch(path, 'take', body, { signal });
      return { result, conflicts: [] };
    }
    const conflicts: FieldConflict[] = [];
    for (let attempt = 1; ; attempt++) {
      const fields = conflicts.map(({ field }) => field);
      try {
        const rest = withoutFields(body, fields);
        return { result: await this.#client.patch(path, 'apply', rest, { signal }), conflicts };
      } catch (error) {
        const isConflict = error instanceof ApiError && error.conflicts.length > 0;
        if (!isConflict || attempt === maxAttempts) throw error;
        conflicts.push(...error.conflicts);
      }
    }
  }

  /** Takes fields from everybody but other control planes. @throws RivalError */
  async #takeFromOthers(
    path: string,
    body: KubernetesObject,
    signal: AbortSignal,
  ): Promise<KubernetesObject> {
    try {
      return await this.#client.patch(path, 'apply', body, { signal });
    } catch (error) {
      if (!(error instanceof ApiError) || error.conflicts.length === 0) throw error;
      const rival = error.conflicts.find(({ message }) => controlPlanes.test(message));
      if (rival) throw new RivalError(rival.message.replace(/^conflict with /, ''));
      return await this.#client.patch(path, 'take', body, { signal });
    }
  }

  /** Notes that an object is a rival's, in this version. */
  #leave({ path, body, existing }: DesiredObject, error: RivalError): void {
    const object = describeObject(body);
    const content = contentOf(body);
    const version = versionOf(existing);
    this.#applied.set(path, { content, version, atMs: this.#clock.monotonic() });
    const { namespace, name } = body.metadata;
    const author = { kind: 'ConfigMap', name, ...(namespace && { namespace }) } as const;
    const text = `${object} is kept by another control plane (${error.message}) and left to it; pods there trust its root, not that of this mesh`;
    this.#tell(path, { author, reason: 'Rival', text });
    this.#log.error({ code: 'AMB1672', object }, text);
  }

  /** Left to a rival, and the same since. */
  #isLeft({ path, body, existing }: DesiredObject): boolean {
    const applied = this.#applied.get(path);
    return (
      this.#told.get(path)?.reason === 'Rival' &&
      applied?.content === contentOf(body) &&
      applied.version === versionOf(existing)
    );
  }

  #tellConflicts(
    path: string,
    object: string,
    author: ObjectReference,
    conflicts: readonly FieldConflict[],
  ): void {
    const fields = conflicts.map(({ field, message }) => {
      return `${field.replace(/^\./, '')} (${message.replace(/^conflict with /, '')})`;
    });
    const text = `${object}: left as others have set it: ${fields.join(', ')}`;
    this.#tell(path, { author, reason: 'FieldConflict', text });
  }

  #tell(path: string, told: Told): void {
    this.#told.set(path, told);
  }

  async #remove({ path }: UnwantedObject, { signal }: Term): Promise<boolean> {
    try {
      await this.#client.delete(path, { signal });
      this.#applied.delete(path);
      this.#told.delete(path);
      this.#log.info({ path }, 'removed');
      return true;
    } catch (error) {
      this.#log.warn({ code: 'AMB1622', path }, `not removed: ${causeChain(error)}`);
      return false;
    }
  }

  /** Applied just now, and the watch has not shown it yet. */
  #isSettling({ path, body, existing }: DesiredObject): boolean {
    const applied = this.#applied.get(path);
    if (applied === undefined || applied.content !== contentOf(body)) return false;
    if (existing !== undefined && versionOf(existing) === applied.version) return false;
    return this.#clock.monotonic() - applied.atMs <= settlingMs;
  }
}

/** Changes with the spec; with anything, on kinds that count no generations. */
function versionOf(object: KubernetesObject | undefined): string {
  const { uid = '', generation, resourceVersion = '' } = object?.metadata ?? {};
  // Its status changes all the time, and it counts no generations: only its being there is looked at.
  if (object?.kind === 'HorizontalPodAutoscaler') return uid;
  return `${uid} ${generation ?? resourceVersion}`;
}

function isRefusal({ status }: ApiError): boolean {
  return status === 400 || status === 409 || status === 422;
}

function isTerminating(error: ApiError): boolean {
  return error.status === 403 && error.message.includes('terminated');
}
