/** HTTP: GraphQL through Apollo on Fastify, with authentication before it, limits inside it and one error form for everything. */
import { ApolloServer, type ApolloServerPlugin, HeaderMap } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { type FastifyInstance, fastify } from 'fastify';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import type { Ctx, Principal } from '../graphql/context.ts';
import { formatError } from '../graphql/errors.ts';
import { checkLimits, LIMITS } from '../graphql/gate.ts';
import { newId } from '../lib/id.ts';
import type { Log } from '../lib/log.ts';
import { Unavailable } from '../lib/problem.ts';
import { ARTIFACT_ROUTE } from './artifacts.ts';
import type { Authenticate } from './authenticate.ts';
import { type ApiMetrics, askedFor, NOT_UNDERSTOOD } from './metrics.ts';

const MAX_BODY_BYTES = 1024 * 1024;
/** A megabyte takes no longer, and half a request may not hold a connection for ever, served or not. */
const BODY_WITHIN_MS = 30_000;
/** Streams over WebSocket have pings of their own, and artifacts may take hours: but not a minute of silence. */
const SILENCE_MS = 60_000;
/** What is away is mostly back by then: said to clients that are not ours. */
const RETRY_AFTER_S = 5;

/** Apollo's server would report operations to a GraphOS whose APOLLO_KEY happens to be in the environment. */
const REPORTS_OFF = [
  ApolloServerPluginUsageReportingDisabled(),
  ApolloServerPluginSchemaReportingDisabled(),
  ApolloServerPluginInlineTraceDisabled(),
];

export interface HttpOptions {
  schema: GraphQLSchema;
  authenticate: Authenticate;
  context: (principal: Principal | null, requestId: string) => Ctx;
  corsAllowed: (origin: string) => boolean;
  log: Log;
  metrics?: Pick<ApiMetrics, 'answered'>;
  bodyWithinMs?: number;
}

/** Refuses what a stranger may not ask, and what is too large, before it runs. A stranger is not even measured. */
const gate = (schema: GraphQLSchema): ApolloServerPlugin<Ctx> => ({
  async requestDidStart() {
    return {
      async didEncounterErrors({ errors, contextValue }) {
        for (const error of errors) error.extensions['requestId'] = contextValue.requestId;
      },
      async didResolveOperation({ document, request, operation, contextValue }) {
        const open =
          operation?.operation === 'query' &&
          operation.selectionSet.selections.every(
            (s) => s.kind === 'Field' && (s.name.value === 'serverInfo' || s.name.value === '__typename'),
          );
        if (!open && contextValue.principal.actorId === '') {
          throw withStatus(
            new GraphQLError('Send a valid token: `Authorization: Bearer <token>`.', {
              extensions: { code: 'UNAUTHENTICATED' },
            }),
            401,
          );
        }
        const [tooLarge] = checkLimits(schema, document, request.operationName, request.variables ?? {});
        if (tooLarge) throw withStatus(tooLarge, 400);
      },
    };
  },
});

/** GraphQL over HTTP says 200 for a well-formed request under plain `application/json`, whatever its outcome. */
const legacyStatus: ApolloServerPlugin<Ctx> = {
  async requestDidStart() {
    return {
      async willSendResponse({ request, response, errors }) {
        const accept = request.http?.headers.get('accept') ?? '';
        const code = errors?.[0]?.extensions?.['code'];
        const soft =
          code === 'GRAPHQL_PARSE_FAILED' || code === 'GRAPHQL_VALIDATION_FAILED' || code === 'BAD_USER_INPUT';
        if (soft && !accept.includes('application/graphql-response+json') && request.query) response.http.status = 200;
      },
    };
  },
};

const measured = (metrics: Pick<ApiMetrics, 'answered'>): ApolloServerPlugin<Ctx> => ({
  async requestDidStart() {
    const began = performance.now();
    let asked = NOT_UNDERSTOOD;
    return {
      async didResolveOperation({ document, operation }) {
        if (operation) asked = askedFor(document, operation);
      },
      async willSendResponse({ response }) {
        const errors = response.body.kind === 'single' ? response.body.singleResult.errors : undefined;
        metrics.answered(asked, String(errors?.[0]?.extensions?.['code'] ?? 'OK'), performance.now() - began);
      },
    };
  },
});

const withStatus = (error: GraphQLError, status: number): GraphQLError =>
  new GraphQLError(error.message, { extensions: { ...error.extensions, http: { status, headers: new HeaderMap() } } });

export async function createHttp(options: HttpOptions): Promise<{ app: FastifyInstance; apollo: ApolloServer<Ctx> }> {
  const { schema, authenticate, context, corsAllowed, log, metrics, bodyWithinMs = BODY_WITHIN_MS } = options;
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    connectionTimeout: SILENCE_MS,
    forceCloseConnections: 'idle',
    genReqId: () => newId('Operation').slice(3),
    logger: false,
    routerOptions: { maxParamLength: 200 },
  });

  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error instanceof Unavailable ? 503 : (error.statusCode ?? 500);
    if (status >= 500 && !(error instanceof Unavailable))
      log.error({ err: error, requestId: request.id }, 'a request failed');
    const message = status >= 500 && !(error instanceof Unavailable) ? `Internal error ${request.id}.` : error.message;
    if (error instanceof Unavailable && !error.isLasting) reply.header('retry-after', RETRY_AFTER_S);
    void reply.code(status).send({ error: message, requestId: request.id });
  });
  app.setNotFoundHandler((request, reply) => {
    const place = `${request.method} ${request.url.split('?')[0]?.slice(0, 200)}`;
    void reply.code(404).send({ error: `Nothing is served at ${place}. GraphQL is at /graphql.` });
  });

  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff');
    const { origin } = request.headers;
    if (origin === undefined) return;
    reply.header('vary', 'origin');
    if (!corsAllowed(origin)) return;
    reply
      .header('access-control-allow-origin', origin)
      .header('access-control-expose-headers', 'x-request-id, retry-after');
    if (request.method === 'OPTIONS') {
      reply
        .header('access-control-allow-methods', 'GET, POST, PUT, HEAD, OPTIONS')
        .header(
          'access-control-allow-headers',
          'authorization, content-type, content-range, apollo-require-preflight, idempotency-key',
        )
        .header('access-control-max-age', '600');
      await reply.code(204).send();
    }
  });

  app.addHook('onRequest', (request, reply, done) => {
    const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
    if (!hasBody || request.routeOptions.url === ARTIFACT_ROUTE) return done();
    const late = setTimeout(() => {
      const error = `The body of the request has not arrived within ${bodyWithinMs / 1000} s.`;
      void reply.code(408).header('connection', 'close').send({ error, requestId: request.id });
    }, bodyWithinMs);
    for (const end of ['end', 'close'] as const) request.raw.once(end, () => clearTimeout(late));
    done();
  });

  const apollo = new ApolloServer<Ctx>({
    schema,
    introspection: true,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    csrfPrevention: true,
    parseOptions: { maxTokens: LIMITS.maxTokens },
    plugins: [
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginLandingPageDisabled(),
      ...REPORTS_OFF,
      ...(metrics ? [measured(metrics)] : []),
      gate(schema),
      legacyStatus,
    ],
    formatError: (formatted, error) => {
      const e =
        error instanceof GraphQLError ? error : new GraphQLError(formatted.message, { originalError: error as Error });
      return formatError(e, formatted.extensions?.['code'], String(e.extensions['requestId'] ?? ''), log);
    },
  });
  await apollo.start();

  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    handler: async (request, reply) => {
      const principal = await authenticate(request.headers.authorization);
      const headers = new HeaderMap();
      for (const [key, value] of Object.entries(request.headers))
        if (value !== undefined) headers.set(key, Array.isArray(value) ? value.join(', ') : value);
      const response = await apollo.executeHTTPGraphQLRequest({
        httpGraphQLRequest: {
          method: request.method,
          headers,
          search: new URL(request.url, 'http://x').search,
          body: request.body,
        },
        context: async () => context(principal, request.id),
      });
      for (const [key, value] of response.headers) reply.header(key, value);
      reply.code(response.status ?? 200);
      if (response.body.kind === 'complete') return reply.send(response.body.string);
      throw new Error('incremental delivery is not served');
    },
  });
  return { app, apollo };
}
