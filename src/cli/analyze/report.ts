// What `ambit analyze` prints. Pure.

import type { ReadObject } from '../objects/read-documents.ts';
import { originOf } from './analyze.ts';
import type { Message } from './message.ts';
import { identityOf } from './world.ts';

/** Where an object of a file stands. */
export type Places = ReadonlyMap<string, ReadObject>;

/** Colours a text by the level that it shows. */
export type Paint = (text: string, level: Message['level']) => string;

/** One line: `Level [ISTnnnn] (Kind name.namespace file:line) CODE field: text`. */
export function lineOf(message: Message, places: Places, paint: Paint): string {
  const { level, code, object } = message;
  const reference = referenceOf(message, places);
  const origin = `${originOf(object)}${reference === undefined ? '' : ` ${reference}`}`;
  return `${paint(level, level)} [${code}] (${origin}) ${textOf(message)}`;
}

function textOf({ field, text, ambitCode, code }: Message): string {
  const where = field === '' ? '' : `${field}: `;
  return `${where}${text}${ambitCode === code ? '' : ` (${ambitCode})`}`;
}

function referenceOf({ object, field }: Message, places: Places): string | undefined {
  const read = places.get(identityOf(object));
  if (read === undefined) return undefined;
  return `${read.file}:${field === '' ? read.line : read.lineOf(field)}`;
}

/** The same for programs. */
export function valueOf(message: Message, places: Places): object {
  const { code, ambitCode, level, object, field, text } = message;
  const reference = referenceOf(message, places);
  return {
    code,
    ambitCode,
    level,
    origin: originOf(object),
    ...(field !== '' && { field }),
    message: text,
    ...(reference !== undefined && { reference }),
  };
}
