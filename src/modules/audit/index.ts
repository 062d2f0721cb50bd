export { auditNodes, Event, EventConnection, EventResolver, OperationResolver, StreamMessageKind } from './graphql.ts';
export { eventsAbout, eventsPage, isToldUpTo, LOG_ORDER, operationsById } from './queries.ts';
export { followLog, logCursor, seqOf, streamMessage } from './stream.ts';
