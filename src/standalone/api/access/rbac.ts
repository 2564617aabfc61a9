// Decides by roles and bindings what a caller may do, as Kubernetes' RBAC does: what no rule allows is
// refused, and no rule takes anything away. Pure.

import { listAt, recordAt, textAt } from '../json.ts';
import type { ApiObject } from '../store.ts';

/** Who asks. */
export interface Subject {
  readonly username: string;
  readonly groups: readonly string[];
}

/** What is asked for. */
export interface Access {
  /** get, list, watch, create, update, patch, delete or deletecollection. */
  readonly verb: string;
  readonly group: string;
  /** With its subresource: `pods/log`. */
  readonly resource: string;
  /** Empty for cluster-wide resources and for all namespaces. */
  readonly namespace: string;
  /** Empty where no single object is meant. */
  readonly name: string;
}

/** The roles and bindings in force. */
export interface RoleObjects {
  readonly clusterRoles: readonly ApiObject[];
  readonly clusterRoleBindings: readonly ApiObject[];
  readonly roles: readonly ApiObject[];
  readonly roleBindings: readonly ApiObject[];
}

/** Allowed by a binding, which `reason` names, or refused. */
export type AccessDecision =
  | { readonly allowed: true; readonly reason: string }
  | { readonly allowed: false; readonly reason: string };

/** Members of this group may do everything. */
const masters = 'system:masters';
/** What every cluster lets any known caller do: ask about itself. */
const ownReviews = /^selfsubject\w+$/;
/** A role that every cluster has without anybody creating it. */
const clusterAdmin = 'cluster-admin';
const everything = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };

/** Decides one access. */
export function decideAccess(
  subject: Subject,
  access: Access,
  objects: RoleObjects,
): AccessDecision {
  if (subject.groups.includes(masters)) return { allowed: true, reason: `member of ${masters}` };
  if (access.verb === 'create' && ownReviews.test(access.resource)) {
    return { allowed: true, reason: 'every caller may ask about itself' };
  }
  const inNamespace = objects.roleBindings.filter(
    ({ metadata }) => access.namespace !== '' && metadata.namespace === access.namespace,
  );
  for (const binding of [...objects.clusterRoleBindings, ...inNamespace]) {
    if (!names(binding, subject)) continue;
    if (!rulesOf(binding, objects).some((rule) => allows(rule, access))) continue;
    const role = textAt(recordAt(binding, 'roleRef'), 'name') ?? '';
    const reason = `RBAC: allowed by ${binding.kind} "${binding.metadata.name}" of role "${role}"`;
    return { allowed: true, reason };
  }
  return { allowed: false, reason: refusal(subject, access) };
}

function names(binding: ApiObject, { username, groups }: Subject): boolean {
  return listAt(binding, 'subjects').some((one) => {
    const name = textAt(one, 'name') ?? '';
    switch (textAt(one, 'kind')) {
      case 'ServiceAccount': {
        const namespace = textAt(one, 'namespace') ?? binding.metadata.namespace ?? '';
        return username === `system:serviceaccount:${namespace}:${name}`;
      }
      case 'User':
        return username === name;
      case 'Group':
        return groups.includes(name);
      default:
        return false;
    }
  });
}

function rulesOf(binding: ApiObject, objects: RoleObjects): readonly unknown[] {
  const reference = recordAt(binding, 'roleRef');
  const name = textAt(reference, 'name') ?? '';
  const role =
    textAt(reference, 'kind') === 'ClusterRole'
      ? objects.clusterRoles.find(({ metadata }) => metadata.name === name)
      : objects.roles.find(
          ({ metadata }) =>
            metadata.name === name && metadata.namespace === binding.metadata.namespace,
        );
  if (role === undefined && name === clusterAdmin) return [everything];
  return listAt(role, 'rules');
}

function allows(rule: unknown, { verb, group, resource, name }: Access): boolean {
  const has = (field: string, wanted: readonly string[]): boolean => {
    const values = listAt(rule, field);
    return values.includes('*') || wanted.some((one) => values.includes(one));
  };
  const subresource = resource.split('/')[1];
  const forms = [resource, ...(subresource === undefined ? [] : [`*/${subresource}`])];
  const objects = listAt(rule, 'resourceNames');
  return (
    has('verbs', [verb]) &&
    has('apiGroups', [group]) &&
    has('resources', forms) &&
    (objects.length === 0 || (name !== '' && objects.includes(name)))
  );
}

/** In Kubernetes' own words, which people search for. */
function refusal(
  { username }: Subject,
  { verb, group, resource, namespace, name }: Access,
): string {
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const what = `cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
  const object = group === '' ? resource : `${resource}.${group}`;
  return `${object}${name === '' ? '' : ` "${name}"`} is forbidden: User "${username}" ${what}`;
}
