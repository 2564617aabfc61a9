// Holds every request to the roles of its caller. The stored roles and bindings decide.

import type { Logger } from '../../../runtime/log.ts';
import { StatusError } from '../api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import { mediaType } from '../http/read-body.ts';
import type { ResourcePath } from '../http/resource-path.ts';
import { recordAt, textAt } from '../json.ts';
import { kindName } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';
import type { Core } from '../writes/core.ts';
import { type Access, type AccessDecision, decideAccess, type Subject } from './rbac.ts';

const rbac = 'rbac.authorization.k8s.io';

export class Authorizer {
  readonly #core: Core;
  readonly #log: Logger;

  constructor(core: Core, log: Logger) {
    this.#core = core;
    this.#log = log;
  }

  /** @throws StatusError 403 (AMB1036) when the caller may not do what the request asks for */
  check(exchange: Exchange, path: ResourcePath): void {
    for (const access of this.#accesses(exchange, path)) {
      const decision = this.decide(exchange.caller, access);
      if (decision.allowed) continue;
      const { username } = exchange.caller;
      this.#log.warn({ code: 'AMB1036', user: username, ...access }, 'refused by roles');
      const { verb, group, resource, name } = access;
      const details = { kind: resource, ...(group && { group }), ...(name && { name }) };
      const causes = [{ message: `no role allows ${verb}`, reason: 'Forbidden' }];
      const message = decision.reason;
      throw new StatusError('AMB1036', {
        http: 403,
        reason: 'Forbidden',
        message,
        details: { ...details, causes },
      });
    }
  }

  decide(subject: Subject, access: Access): AccessDecision {
    const { table } = this.#core;
    const list = (plural: string): readonly ApiObject[] => table.list(`${rbac}/${plural}`);
    return decideAccess(subject, access, {
      clusterRoles: list('clusterroles'),
      clusterRoleBindings: list('clusterrolebindings'),
      roles: list('roles'),
      roleBindings: list('rolebindings'),
    });
  }

  /** The status of a review of access, about its caller or about whom it names. */
  review(caller: Subject, spec: unknown): object {
    const asked = recordAt(spec, 'resourceAttributes');
    // Paths that are no resources: every known caller may read all that there are.
    if (asked === undefined) return { allowed: true, reason: 'paths are open to known callers' };
    const part = (name: string): string => textAt(asked, name) ?? '';
    const subresource = part('subresource');
    const access: Access = {
      verb: part('verb'),
      group: part('group'),
      resource: subresource === '' ? part('resource') : `${part('resource')}/${subresource}`,
      namespace: part('namespace'),
      name: part('name'),
    };
    return this.decide(caller, access);
  }

  /** Mostly one; server-side apply of a new object is also its creation. */
  #accesses(exchange: Exchange, path: ResourcePath): Access[] {
    const { group, resource, subresource, namespace = '' } = path;
    const own = resource === 'namespaces' ? (path.name ?? '') : namespace;
    const access: Access = {
      verb: verbOf(exchange, path),
      group,
      resource: subresource === undefined ? resource : `${resource}/${subresource}`,
      namespace: own,
      name: path.name ?? selectedName(exchange),
    };
    const applied =
      exchange.method === 'PATCH' && mediaType(exchange) === 'application/apply-patch+yaml';
    const stored = { kind: kindName({ group, plural: resource }), namespace, name: access.name };
    const isNew = applied && this.#core.table.get(stored) === undefined;
    return isNew ? [access, { ...access, verb: 'create', name: '' }] : [access];
  }
}

function verbOf({ method, query }: Exchange, { name }: ResourcePath): string {
  const watch = query.get('watch');
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (watch === 'true' || watch === '1') return 'watch';
      return name === undefined ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      return method.toLowerCase();
  }
}

/** A list or watch of one object by its name counts as of that object. */
function selectedName({ query }: Exchange): string {
  return /(?:^|,)metadata\.name==?([^,]+)/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
}
