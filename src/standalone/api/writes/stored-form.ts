// Between the version that a caller speaks and the version that objects are kept in. Versions of one
// kind differ in their `apiVersion` alone, except for the two Event kinds.

import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';
import { eventFromCore, eventToCore } from './event-forms.ts';

/** The form in which an object of this kind is kept. */
export function storedForm(kind: Kind, object: ApiObject): ApiObject {
  if (kind.kind === 'Event' && kind.group === 'events.k8s.io') return eventToCore(object);
  const apiVersion = apiVersionOf(kind.group, kind.storageVersion);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

/** The form that a caller of this kind and version sees. The stored object is not changed. */
export function presentedForm(kind: Kind, version: string, stored: ApiObject): ApiObject {
  if (kind.kind === 'Event' && kind.group === 'events.k8s.io') return eventFromCore(stored);
  const apiVersion = apiVersionOf(kind.group, version);
  return stored.apiVersion === apiVersion ? stored : { ...stored, apiVersion };
}
