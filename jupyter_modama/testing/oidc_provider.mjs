// An OpenID provider with a login form, for tests and the demo on one machine; the real thing is the package oidc-provider.
//
//     node oidc_provider.mjs FOLDER_WITH_NODE_MODULES SETTINGS.json
//
// Settings: {port, clients: [{id, secret, callbacks}], people: {login: {password, claims}}, forge?: {sub}}.
// Says "ready" once it listens. All that it knows is in memory.
import { generateKeyPairSync, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , modules, file] = process.argv;
const { Provider } = await import(pathToFileURL(resolve(modules, 'node_modules/oidc-provider/lib/index.js')));
const settings = JSON.parse(readFileSync(file, 'utf8'));
const issuer = `http://127.0.0.1:${settings.port}`;
const people = settings.people;
const key = { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), use: 'sig' };

const provider = new Provider(issuer, {
  clients: settings.clients.map(({ id, secret, callbacks }) => ({
    client_id: id,
    client_secret: secret,
    redirect_uris: callbacks,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code']
  })),
  jwks: { keys: [key] },
  cookies: { keys: [key.d] },
  scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
  claims: {
    openid: ['sub'],
    profile: ['preferred_username', 'name'],
    email: ['email', 'email_verified'],
    groups: ['groups']
  },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, ...people[id]?.claims })
  }),
  loadExistingGrant: async ctx => {
    // Whoever signs in at this provider wants to: there is no page that asks again.
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope([...ctx.oidc.requestParamScopes].join(' '));
    await grant.save();
    return grant;
  },
  interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  ttl: { AccessToken: settings.token_s ?? 3600, IdToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 }
});

const escaped = text => String(text).replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`);
const form = (uid, said) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title>
<meta name="viewport" content="width=device-width">
<style>body{font:16px sans-serif;max-width:22em;margin:4em auto}input,button{font:inherit;width:100%;margin:.3em 0 1em;padding:.4em;box-sizing:border-box}</style>
<h1>Sign in</h1>${said ? `<p role="alert">${escaped(said)}</p>` : ''}
<form method="post" action="/sign-in/${escaped(uid)}"><label>Login<input name="login" autocomplete="username" autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password"></label><button>Sign in</button></form></html>`;

function isRight(login, password) {
  const known = Object.hasOwn(people, login) ? people[login].password : '';
  const [a, b] = [known, password].map(text => Buffer.from(String(text).padEnd(256).slice(0, 256)));
  return Boolean(known) && timingSafeEqual(a, b);
}

async function signIn(request, response) {
  const { uid } = await provider.interactionDetails(request, response);
  let said = '';
  if (request.method === 'POST') {
    let body = '';
    for await (const piece of request) {
      body += piece;
    }
    const [login, password] = ['login', 'password'].map(name => new URLSearchParams(body).get(name) ?? '');
    if (isRight(login, password)) {
      await provider.interactionFinished(request, response, { login: { accountId: login } });
      return;
    }
    said = 'Login or password is wrong.';
  }
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(form(uid, said));
}

const answer = provider.callback();
createServer((request, response) => {
  if (!request.url.startsWith('/sign-in/')) {
    answer(request, response);
    return;
  }
  signIn(request, response).catch(error => {
    response.writeHead(400, { 'Content-Type': 'text/plain' }).end(`Please begin again: ${error.message}`);
  });
}).listen(settings.port, '127.0.0.1', () => console.log('ready'));
