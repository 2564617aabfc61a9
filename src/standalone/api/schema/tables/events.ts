// The two forms of events.
// The notation is explained in ../definitions.ts.

/** Types, as text. */
export const eventsTypes = `
package io.k8s.api.core.v1
EventSource
  component 1 string
  host 2 string
CoreEventSeries as EventSeries
  count 1 int32
  lastObservedTime 2 microtime
kind CoreEvent as Event: Something that happened to an object.
  metadata 1 ObjectMeta
  involvedObject! 2 ObjectReference
  reason 3 string
  message 4 string
  source 5 EventSource
  firstTimestamp 6 time
  lastTimestamp 7 time
  count 8 int32
  type 9 string
  eventTime 10 microtime
  series 11 CoreEventSeries
  action 12 string
  related 13 ObjectReference
  reportingComponent 14 string
  reportingInstance 15 string
package io.k8s.api.events.v1
EventSeries
  count 1 int32
  lastObservedTime 2 microtime
kind Event: Something that happened to an object.
  metadata 1 ObjectMeta
  eventTime 2 microtime
  series 3 EventSeries
  reportingController 4 string
  reportingInstance 5 string
  action 6 string
  reason 7 string
  regarding 8 ObjectReference
  related 9 ObjectReference
  note 10 string
  type 11 string
  deprecatedSource 12 EventSource
  deprecatedFirstTimestamp 13 time
  deprecatedLastTimestamp 14 time
  deprecatedCount 15 int32
`;
