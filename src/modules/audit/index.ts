export { logCursor, placeIn } from './cursor.ts';
export { auditNodes, Event, EventConnection, EventResolver, OperationResolver, StreamMessageKind } from './graphql.ts';
export { eventsAbout, isToldUpTo } from './queries.ts';
export { followLog, streamMessage } from './stream.ts';
