/**
 * GraphiQL for the CLOps API. The token comes behind the `#` of the address, which browsers send to no server, leaves the
 * address bar at once and lives as long as the browser's tab. It goes into the Authorization header of requests and into
 * the connection_init message of subscriptions. A header typed into the editor's Headers pane wins in requests.
 */
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createClient } from 'graphql-ws';
import { createElement as h, useCallback, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';

const KEY = 'clops-token';
const REFUSED = 'The API does not accept this token.';
const UNREACHABLE = 'The API cannot be reached.';
const FORBIDDEN = 4403;

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) sessionStorage.setItem(KEY, given);
  if (location.hash) history.replaceState(null, '', location.pathname + location.search);
  return given ?? sessionStorage.getItem(KEY) ?? '';
}

/** What a token is good for: requests and streams, until `close`. `onRefused` is called when the API does not take it. */
function connect(token, onRefused) {
  const authorization = token && `Bearer ${token}`;
  const withToken = async (url, init) => {
    const headers = new Headers(init.headers);
    const ours = authorization !== '' && !headers.has('authorization');
    if (ours) headers.set('authorization', authorization);
    let answer;
    try {
      answer = await fetch(url, { ...init, headers });
    } catch (error) {
      return Response.json(asAnswer(error instanceof TypeError ? UNREACHABLE : error.message));
    }
    if (ours && answer.status === 401) onRefused();
    return answer;
  };
  // It would try again for half a minute behind a spinner, also with a token that is refused, and then go on with a gap.
  const client = createClient({
    url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
    connectionParams: () => (authorization ? { authorization } : {}),
    retryAttempts: 0,
  });
  const wsClient = {
    ...client,
    subscribe: (request, sink) =>
      client.subscribe(request, {
        ...sink,
        error(error) {
          if (authorization && error.code === FORBIDDEN) onRefused();
          sink.next(Array.isArray(error) ? { errors: error } : asAnswer(whyClosed(error)));
          sink.complete();
        },
      }),
  };
  return {
    fetcher: createGraphiQLFetcher({ url: '/graphql', fetch: withToken, wsClient }),
    close: () => client.dispose(),
  };
}

/** GraphiQL shows the stack of an error beside its message, and its streams throw one where nobody catches it. */
const asAnswer = (message) => ({ errors: [{ message }] });

function whyClosed(error) {
  if (!(error instanceof Event)) return error.message;
  const { code, reason } = error;
  if (code === FORBIDDEN) return reason || REFUSED;
  if (code === undefined) return UNREACHABLE;
  return `The connection was closed (${[code, reason].filter(Boolean).join(' ')}). Run it again to go on.`;
}

/** Undefined when the API takes the token, else the sentence for people. */
async function refusalOf(token) {
  try {
    const answer = await fetch('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: '{ __schema { queryType { name } } }' }),
    });
    if (answer.status === 401) return REFUSED;
    return answer.ok ? undefined : `The API answered ${answer.status}.`;
  } catch (error) {
    // Also for what no header can hold: a line break or a letter beyond Latin-1.
    return error instanceof TypeError && !/^[\x21-\x7e]+$/.test(token) ? REFUSED : UNREACHABLE;
  }
}

function SignIn({ refused, onToken }) {
  const [said, setSaid] = useState(refused);
  const [asking, setAsking] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const token = new FormData(event.currentTarget).get('token').trim();
    setAsking(true);
    const refusal = await refusalOf(token);
    setAsking(false);
    setSaid(refusal);
    if (refusal === undefined) onToken(token);
  };
  return h(
    'form',
    { className: 'sign-in', onSubmit: submit },
    h('label', { htmlFor: 'token' }, 'Sign in with an API token:'),
    h('input', {
      id: 'token',
      name: 'token',
      type: 'password',
      required: true,
      autoComplete: 'off',
      placeholder: 'clops_…',
      'aria-describedby': 'said',
      'aria-invalid': said === REFUSED,
    }),
    h('button', { type: 'submit', disabled: asking }, 'Sign in'),
    h('output', { id: 'said', role: 'alert' }, said),
  );
}

function Page({ given, tabs }) {
  const [{ token, refused }, setSession] = useState({ token: given });
  const signIn = (next) => {
    sessionStorage.setItem(KEY, next);
    setSession({ token: next });
  };
  const signOut = useCallback((why) => {
    sessionStorage.removeItem(KEY);
    setSession({ token: '', refused: why });
  }, []);
  const { fetcher, close } = useMemo(() => connect(token, () => signOut(REFUSED)), [token, signOut]);
  useEffect(() => close, [close]);
  const corner = h(
    GraphiQL.Logo,
    { key: 'corner' },
    token && h('button', { type: 'button', className: 'sign-out', onClick: () => signOut() }, 'Sign out'),
  );
  const explorer = h(GraphiQL, { key: token, fetcher, defaultTabs: tabs, isHeadersEditorEnabled: true }, corner);
  return token ? explorer : [h(SignIn, { key: 'sign-in', refused, onToken: signIn }), explorer];
}

const given = takeToken();
const tabs = await fetch('/graphiql/tabs.json').then((answer) => answer.json());
createRoot(document.getElementById('page')).render(h(Page, { given, tabs }));
