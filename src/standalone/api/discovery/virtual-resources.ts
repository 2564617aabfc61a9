// Resources that are requests rather than stored objects, and subresources with a meaning of their own.

import type { ApiResource } from './api-resource.ts';

interface VirtualResource {
  readonly group: string;
  readonly version: string;
  readonly resource: ApiResource;
}

const authentication = { group: 'authentication.k8s.io', version: 'v1' };
const authorization = { group: 'authorization.k8s.io', version: 'v1' };
const core = { group: '', version: 'v1' };

function review(plural: string, kind: string, namespaced = false): ApiResource {
  return { name: plural, singularName: kind.toLowerCase(), namespaced, kind, verbs: ['create'] };
}

function ofPod(name: string, kind: string, verbs: readonly string[]): ApiResource {
  return { name: `pods/${name}`, singularName: '', namespaced: true, kind, verbs };
}

/** Everything that discovery lists beside the stored kinds. */
export const virtualResources: readonly VirtualResource[] = [
  { ...authentication, resource: review('tokenreviews', 'TokenReview') },
  { ...authentication, resource: review('selfsubjectreviews', 'SelfSubjectReview') },
  { ...authorization, resource: review('selfsubjectaccessreviews', 'SelfSubjectAccessReview') },
  { ...authorization, resource: review('selfsubjectrulesreviews', 'SelfSubjectRulesReview') },
  { ...authorization, resource: review('subjectaccessreviews', 'SubjectAccessReview') },
  { ...core, resource: ofPod('log', 'Pod', ['get']) },
  { ...core, resource: ofPod('portforward', 'PodPortForwardOptions', ['create', 'get']) },
  {
    ...core,
    resource: ofPod('proxy', 'PodProxyOptions', ['create', 'delete', 'get', 'patch', 'update']),
  },
  {
    ...core,
    resource: {
      name: 'serviceaccounts/token',
      singularName: '',
      namespaced: true,
      group: 'authentication.k8s.io',
      version: 'v1',
      kind: 'TokenRequest',
      verbs: ['create'],
    },
  },
];
