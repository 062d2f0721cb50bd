export { auditNodes, Event, EventConnection, EventResolver, OperationResolver, StreamMessageKind } from './graphql.ts';
export { eventsAbout, isToldUpTo } from './queries.ts';
export { followLog, logCursor, seqOf, streamMessage } from './stream.ts';
