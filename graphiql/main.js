/**
 * GraphiQL for the CLOps API. The token comes behind the `#` of the address, which browsers send to no server, leaves the
 * address bar at once and lives as long as the browser's tab. It goes into the Authorization header of requests and into
 * the connection_init message of subscriptions. A header typed into the editor's Headers pane wins.
 */
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import { createClient } from 'graphql-ws';
import { createElement as h, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';

const KEY = 'clops-token';

function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) sessionStorage.setItem(KEY, given);
  if (location.hash) history.replaceState(null, '', location.pathname + location.search);
  return given ?? sessionStorage.getItem(KEY) ?? '';
}

function createFetcher(token, onRefused) {
  const authorization = token && `Bearer ${token}`;
  const wsClient = createClient({
    url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
    connectionParams: () => ({ authorization }),
  });
  const withToken = async (url, init) => {
    const headers = new Headers(init.headers);
    const ours = authorization !== '' && !headers.has('authorization');
    if (ours) headers.set('authorization', authorization);
    const answer = await fetch(url, { ...init, headers });
    if (ours && answer.status === 401) onRefused();
    return answer;
  };
  return createGraphiQLFetcher({ url: '/graphql', fetch: withToken, wsClient });
}

function SignIn({ onToken }) {
  const submit = (event) => {
    event.preventDefault();
    const token = new FormData(event.currentTarget).get('token').trim();
    sessionStorage.setItem(KEY, token);
    onToken(token);
  };
  return h(
    'form',
    { className: 'sign-in', onSubmit: submit },
    h('label', { htmlFor: 'token' }, 'Sign in with an API token:'),
    h('input', { id: 'token', name: 'token', type: 'password', required: true, autoComplete: 'off' }),
    h('button', { type: 'submit' }, 'Sign in'),
  );
}

function Page({ given, tabs }) {
  const [token, setToken] = useState(given);
  const fetcher = useMemo(() => {
    const forget = () => {
      sessionStorage.removeItem(KEY);
      setToken('');
    };
    return createFetcher(token, forget);
  }, [token]);
  const explorer = h(GraphiQL, { key: token, fetcher, defaultTabs: tabs, isHeadersEditorEnabled: true });
  return token ? explorer : [h(SignIn, { key: 'sign-in', onToken: setToken }), explorer];
}

const given = takeToken();
const tabs = await fetch('/graphiql/tabs.json').then((answer) => answer.json());
createRoot(document.getElementById('page')).render(h(Page, { given, tabs }));
