// Namespaces, ConfigMaps and Secrets.

import { isRecord } from '../json.ts';
import { immutable, type KindRules, refused } from './rules.ts';

/** A namespace carries its name as a label and stays until it is empty. */
export const namespaceRules: KindRules = {
  prepare(_core, object, previous) {
    object.metadata.labels = {
      ...object.metadata.labels,
      'kubernetes.io/metadata.name': object.metadata.name,
    };
    if (previous === undefined) {
      object.spec = { finalizers: ['kubernetes'] };
      object.status = { phase: 'Active' };
    } else {
      object.spec = previous.spec;
    }
  },
};

/** `immutable: true` freezes the content. */
export const configMapRules: KindRules = {
  problems(_core, object, previous) {
    if (previous?.['immutable'] !== true) return [];
    const same = ['data', 'binaryData', 'immutable'].every(
      (name) => JSON.stringify(object[name]) === JSON.stringify(previous[name]),
    );
    return same ? [] : [immutable('data', '(changed)')];
  },
};

/** `stringData` is a way to write `data`. */
export const secretRules: KindRules = {
  prepare(_core, object) {
    const text = object['stringData'];
    delete object['stringData'];
    if (!isRecord(text)) return;
    const data = isRecord(object['data']) ? { ...object['data'] } : {};
    for (const [name, value] of Object.entries(text)) {
      data[name] = Buffer.from(String(value)).toString('base64');
    }
    object['data'] = data;
  },
  problems(core, object, previous) {
    if (previous !== undefined && previous['type'] !== object['type']) {
      return [immutable('type', object['type'])];
    }
    const frozen = configMapRules.problems?.(core, object, previous) ?? [];
    const data = isRecord(object['data']) ? object['data'] : {};
    const unreadable = Object.entries(data).filter(
      ([, value]) => typeof value !== 'string' || !isBase64(value),
    );
    return [
      ...frozen,
      ...unreadable.map(([name]) => refused(`data[${name}]`, '...', 'must be base64')),
    ];
  },
};

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/.test(text);
}
