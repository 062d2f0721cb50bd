/**
 * graphql-transport-ws at /graphql, for subscriptions only. Nothing that Apollo protects applies here, so the same gate,
 * masking and authentication are wired in by hand. Each oddity below was met: a syntax error would close the whole socket
 * with a code that clients never retry, a throwing hook would end the process, a long operation id likewise the socket.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { GraphQLError, type GraphQLSchema, getOperationAST, parse, validate } from 'graphql';
import type { Context, SubscribePayload } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import type { Ctx, Principal } from '../graphql/context.ts';
import { fewErrors, formatError } from '../graphql/errors.ts';
import { checkLimits, LIMITS } from '../graphql/gate.ts';
import { newId } from '../lib/id.ts';
import type { Log } from '../lib/log.ts';
import type { Authenticate } from './authenticate.ts';
import { type ApiMetrics, type Asked, askedFor, NOT_UNDERSTOOD } from './metrics.ts';

const MAX_MESSAGE_BYTES = 256 * 1024;
/** What a client gets to answer the goodbye. One that is frozen never does, and would hold the end up for half a minute. */
const GOODBYE_MS = 1_000;
const FORBIDDEN = 4403;
/** At most 123 bytes, as a close frame holds no more. */
const NO_TOKEN = 'Send a valid token in connection_init: {"authorization": "Bearer <token>"}.';

export interface WebSocketOptions {
  server: Server;
  schema: GraphQLSchema;
  authenticate: Authenticate;
  context: (principal: Principal, requestId: string) => Ctx;
  /** Whether a browser page of this origin may connect. Programs send no origin and may. */
  originAllowed: (origin: string) => boolean;
  log: Log;
  metrics?: Pick<ApiMetrics, 'answered' | 'subscribed'>;
}

type Extra = Record<PropertyKey, unknown> & {
  principal?: Principal;
  /** By what was sent and not by its id, which may come again before the end of the one before. */
  open?: Map<SubscribePayload, Open>;
};

type SocketContext = Context<{ authorization?: unknown }, Extra>;

/** A subscription that is counted when it has ended: by its first error, or that of its beginning. */
interface Open {
  asked: Asked;
  code: string;
  end: () => void;
}

export function serveWebSocket(options: WebSocketOptions): { close(): Promise<void> } {
  const { server, schema, authenticate, context, originAllowed, log, metrics } = options;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const origin = request.headers.origin;
    const path = request.url?.split('?')[0];
    socket.on('error', () => socket.destroy());
    if (path !== '/graphql') refuse(socket, '404 Not Found');
    else if (origin !== undefined && !originAllowed(origin)) refuse(socket, '403 Forbidden');
    else sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit('connection', ws, request));
  };
  server.on('upgrade', onUpgrade);

  const refusal = (message: string, code: string) => [new GraphQLError(message, { extensions: { code } })];

  /** What is to be run, or why it is refused. */
  function admit(ctx: SocketContext, id: string, payload: SubscribePayload) {
    const { principal } = ctx.extra;
    if (!principal) return refusal('Authenticate first.', 'UNAUTHENTICATED');
    if (id.length > 100) return refusal('The operation id is longer than 100 characters.', 'BAD_REQUEST');
    // This one is among them already.
    if (Object.keys(ctx.subscriptions).length > LIMITS.maxSubscriptionsPerSocket) {
      return refusal(
        `A socket takes at most ${LIMITS.maxSubscriptionsPerSocket} subscriptions at once.`,
        'LIMIT_EXCEEDED',
      );
    }
    const requestId = newId('Operation').slice(3);
    const mask = (errors: readonly GraphQLError[]) =>
      fewErrors(errors).map((e) => toError(formatError(e, undefined, requestId, log)));
    let document: ReturnType<typeof parse>;
    try {
      document = parse(payload.query, { maxTokens: LIMITS.maxTokens });
    } catch (error) {
      return refusal(error instanceof Error ? error.message : 'Not GraphQL.', 'GRAPHQL_PARSE_FAILED');
    }
    const operation = getOperationAST(document, payload.operationName);
    if (!operation) return refusal('Name the operation that is meant.', 'OPERATION_RESOLUTION_FAILURE');
    if (operation.operation !== 'subscription') {
      return refusal(
        'WebSockets take subscriptions only; send queries and mutations over HTTP.',
        'OPERATION_NOT_SUPPORTED',
      );
    }
    const variables = payload.variables ?? {};
    const errors = validate(schema, document, undefined, { maxErrors: 5 });
    if (errors.length > 0) return mask(errors);
    const tooLarge = checkLimits(schema, document, payload.operationName, variables);
    if (tooLarge.length > 0) return mask(tooLarge);
    if (metrics) {
      const asked = askedFor(document, operation);
      ctx.extra.open ??= new Map();
      ctx.extra.open.set(payload, { asked, code: 'OK', end: metrics.subscribed(asked) });
    }
    return {
      schema,
      document,
      operationName: payload.operationName,
      variableValues: variables,
      contextValue: context(principal, requestId),
    };
  }

  function failed({ extra }: SocketContext, payload: SubscribePayload, [first]: readonly GraphQLError[]): void {
    const open = extra.open?.get(payload);
    if (open?.code === 'OK') open.code = String(first?.extensions['code']);
  }

  function ended({ extra }: SocketContext, payload: SubscribePayload): void {
    const open = extra.open?.get(payload);
    if (!open) return;
    extra.open?.delete(payload);
    open.end();
    metrics?.answered(open.asked, open.code, 0);
  }

  const disposable = useServer<{ authorization?: unknown }, Extra>(
    {
      schema,
      connectionInitWaitTimeout: 10_000,
      onConnect: async (ctx) => {
        const authorization = ctx.connectionParams?.authorization;
        const principal = await authenticate(typeof authorization === 'string' ? authorization : undefined).catch(
          (error) => {
            log.error({ err: error }, 'authentication failed');
            return null;
          },
        );
        if (!principal) {
          // Before graphql-ws does it with the bare word "Forbidden", which is all that a client would be told.
          ctx.extra.socket.close(FORBIDDEN, NO_TOKEN);
          return false;
        }
        ctx.extra.principal = principal;
        return true;
      },
      onSubscribe: (ctx, id, payload) => {
        const admitted = admit(ctx, id, payload);
        if (Array.isArray(admitted)) metrics?.answered(NOT_UNDERSTOOD, String(admitted[0]?.extensions['code']), 0);
        return admitted;
      },
      onComplete: (ctx, _id, payload) => ended(ctx, payload),
      onDisconnect: (ctx) => {
        for (const payload of ctx.extra.open?.keys() ?? []) ended(ctx, payload);
      },
      onNext: (ctx, _id, payload, args, result) => {
        if (!result.errors) return undefined;
        const { requestId } = args.contextValue as Ctx;
        const errors = fewErrors(result.errors).map((e) => toError(formatError(e, undefined, requestId, log)));
        failed(ctx, payload, errors);
        return { ...result, errors };
      },
      onError: (ctx, _id, payload, found) => {
        const errors = found.map((e) =>
          e instanceof GraphQLError && e.originalError === undefined
            ? e
            : toError(formatError(e as GraphQLError, undefined, newId('Operation').slice(3), log)),
        );
        failed(ctx, payload, errors);
        return errors;
      },
    },
    sockets,
    12_000,
  );

  return {
    async close() {
      server.off('upgrade', onUpgrade);
      const timer = setTimeout(() => {
        for (const socket of sockets.clients) socket.terminate();
      }, GOODBYE_MS);
      try {
        await disposable.dispose();
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

const toError = (formatted: {
  message: string;
  extensions?: Record<string, unknown>;
  path?: readonly (string | number)[];
}): GraphQLError =>
  new GraphQLError(formatted.message, {
    extensions: formatted.extensions ?? {},
    ...(formatted.path && { path: formatted.path }),
  });

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
