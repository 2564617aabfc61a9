// Values in the forms that programs read: JSON and YAML.

import { stringify } from 'yaml';

/** The words of `-o`. */
export const outputForms = ['json', 'yaml'] as const;

export type OutputForm = (typeof outputForms)[number];

/** Whether a text is one of them. */
export function isOutputForm(text: string): text is OutputForm {
  return outputForms.some((form) => form === text);
}

/** The value as text, with a line end. */
export function serialized(value: unknown, form: OutputForm): string {
  return form === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value);
}
