// The text form of a LabelSelector, as queries and printed columns have it.

import { isRecord, listAt, recordAt, textAt } from '../json.ts';

/** `app=web,tier in (a,b)`; empty for no selector. */
export function selectorText(selector: unknown): string {
  if (!isRecord(selector)) return '';
  const plain = recordAt(selector, 'matchLabels') ?? {};
  const parts = Object.entries(plain).map(([key, value]) => `${key}=${String(value)}`);
  for (const expression of listAt(selector, 'matchExpressions')) {
    const key = textAt(expression, 'key') ?? '';
    const values = `(${listAt(expression, 'values').join(',')})`;
    switch (textAt(expression, 'operator')) {
      case 'In':
        parts.push(`${key} in ${values}`);
        break;
      case 'NotIn':
        parts.push(`${key} notin ${values}`);
        break;
      case 'DoesNotExist':
        parts.push(`!${key}`);
        break;
      default:
        parts.push(key);
    }
  }
  return parts.join(',');
}
