// How events and the addresses behind Services are shown.

import { listAt, numberAt, textAt } from '../json.ts';
import type { Column } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';
import { age } from './ages.ts';

/** Addresses shown before "+ N more...". */
const shownAddresses = 3;

function text(name: string, cell: (object: ApiObject, now: number) => unknown): Column {
  return { name, type: 'string', cell };
}

function wide(name: string, cell: (object: ApiObject, now: number) => unknown): Column {
  return { name, type: 'string', priority: 1, cell };
}

const ageColumn = text('Age', (object, now) => age(object.metadata.creationTimestamp, now));

/** Objects are in their core/v1 form when they are shown. */
export const eventColumns: readonly Column[] = [
  text('Last Seen', (event, now) => age(lastSeen(event), now)),
  text('Type', (event) => textAt(event, 'type') ?? ''),
  text('Reason', (event) => textAt(event, 'reason') ?? ''),
  text('Object', (event) => {
    const subject = objectField(event);
    return `${(textAt(event, subject, 'kind') ?? '').toLowerCase()}/${textAt(event, subject, 'name') ?? ''}`;
  }),
  wide('Subobject', (event) => textAt(event, objectField(event), 'fieldPath') ?? ''),
  wide('Source', (event) => {
    const component = textAt(event, 'source', 'component') ?? textAt(event, 'reportingComponent');
    return [component ?? '', textAt(event, 'source', 'host') ?? ''].filter(Boolean).join(', ');
  }),
  text('Message', (event) => (textAt(event, 'message') ?? textAt(event, 'note') ?? '').trim()),
  wide('First Seen', (event, now) => age(firstSeen(event), now)),
  wide('Count', (event) =>
    String(numberAt(event, 'series', 'count') ?? numberAt(event, 'count') ?? 1),
  ),
  wide('Name', (event) => event.metadata.name),
];

function objectField(event: ApiObject): string {
  return event['regarding'] === undefined ? 'involvedObject' : 'regarding';
}

function lastSeen(event: ApiObject): string | undefined {
  return (
    textAt(event, 'series', 'lastObservedTime') ??
    textAt(event, 'lastTimestamp') ??
    textAt(event, 'deprecatedLastTimestamp') ??
    firstSeen(event)
  );
}

function firstSeen(event: ApiObject): string | undefined {
  return (
    textAt(event, 'firstTimestamp') ??
    textAt(event, 'deprecatedFirstTimestamp') ??
    textAt(event, 'eventTime') ??
    event.metadata.creationTimestamp
  );
}

/** Columns of Endpoints. */
export const endpointsColumns: readonly Column[] = [
  text('Endpoints', (endpoints) => {
    const addresses = listAt(endpoints, 'subsets').flatMap((subset) =>
      listAt(subset, 'addresses').flatMap((address) =>
        listAt(subset, 'ports').map(
          (port) => `${textAt(address, 'ip') ?? ''}:${numberAt(port, 'port') ?? 0}`,
        ),
      ),
    );
    return some(addresses) || '<none>';
  }),
  ageColumn,
];

/** Columns of EndpointSlices. */
export const sliceColumns: readonly Column[] = [
  text('AddressType', (slice) => textAt(slice, 'addressType') ?? ''),
  text('Ports', (slice) => {
    const ports = listAt(slice, 'ports').map((port) => String(numberAt(port, 'port') ?? '*'));
    return some(ports) || '<unset>';
  }),
  text('Endpoints', (slice) => {
    const addresses = listAt(slice, 'endpoints').flatMap((endpoint) =>
      listAt(endpoint, 'addresses').map(String),
    );
    return some(addresses) || '<unset>';
  }),
  ageColumn,
];

function some(texts: readonly string[]): string {
  const shown = texts.slice(0, shownAddresses).join(',');
  const more = texts.length - shownAddresses;
  return more > 0 ? `${shown} + ${more} more...` : shown;
}
