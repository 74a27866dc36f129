// The requests to the provider's port: Entra's paths, the sign-in page, and the exchange of a managed identity's token for a
// client assertion that oidc-provider accepts.
import { randomUUID } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { TOKEN_EXCHANGE_AUDIENCE } from './claims.mjs';
import { choose, show } from './page.mjs';
import { paths } from './provider.mjs';

const DISCOVERY = '/.well-known/openid-configuration';
const MOST_BYTES = 56 * 1024;

export async function respond(directory, request, response) {
  const { tenant } = directory;
  const routes = paths(tenant);
  const [path] = request.url.split('?');
  if (path === `/${tenant.id}/v2.0${DISCOVERY}`) {
    request.url = DISCOVERY;
  } else if (path.startsWith(`${routes.login}/`)) {
    await signIn(directory, request, response);
    return;
  } else if (path === routes.token && request.method === 'POST') {
    if (!(await exchange(directory, request, response))) return;
  } else if (!path.startsWith(`/${tenant.id}/`)) {
    show(response, 404, 'Not found', `<p>The addresses of this directory begin with /${tenant.id}/.</p>`);
    return;
  }
  redirectLikeEntra(response);
  await directory.provider.callback()(request, response);
}

/** Redirect with a `session_state` and without `iss` (RFC 9207), so no client depends on `iss`, or refuses `session_state`. */
function redirectLikeEntra(response) {
  const setHeader = response.setHeader.bind(response);
  response.setHeader = (name, value) => {
    if (name.toLowerCase() !== 'location' || !/[?&](code|error)=/.test(value)) return setHeader(name, value);
    const target = new URL(value);
    target.searchParams.delete('iss');
    if (target.searchParams.has('code')) target.searchParams.set('session_state', randomUUID());
    return setHeader(name, target.href);
  };
}

async function signIn({ tenant, provider }, request, response) {
  const interaction = await provider.interactionDetails(request, response).catch(() => undefined);
  if (interaction === undefined) {
    show(response, 400, 'This sign-in is over', '<p>It was finished, or it began in another browser. Go back and begin again.</p>');
    return;
  }
  if (request.method === 'GET') {
    const registration = tenant.registration(interaction.params.client_id);
    const fresh = interaction.params.prompt?.includes('login') || interaction.params.max_age !== undefined;
    const people = [...tenant.people.values()];
    people.sort((a, b) => (b.mail === interaction.params.login_hint) - (a.mail === interaction.params.login_hint));
    choose(response, { people, registration, reason: fresh ? 'A fresh sign-in was asked for.' : 'Choose who you are.' });
    return;
  }
  const who = new URLSearchParams(await body(request)).get('who');
  const result = tenant.people.has(who)
    ? { login: { accountId: who, remember: true } }
    : { error: 'access_denied', error_description: 'AADSTS65004: User declined to consent to access the app.' };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/** A federated credential: the issuer, subject and audience of an identity's token prove which client it is. */
async function exchange({ tenant, internalPrivateKey }, request, response) {
  const form = Object.fromEntries(new URLSearchParams(await body(request)));
  const registration = tenant.registration(form.client_id);
  if (registration && !registration.public) {
    if (!form.client_assertion) return refuse(response, 'AADSTS7000218: The request body must contain client_assertion.');
    if (!(await isAllowed(tenant, form.client_assertion, registration))) {
      return refuse(response, 'AADSTS700213: No matching federated identity record found for the presented assertion.');
    }
    form.client_assertion = await new SignJWT({})
      .setProtectedHeader({ alg: 'RS256', kid: 'internal' })
      .setIssuer(form.client_id).setSubject(form.client_id).setAudience(tenant.issuer)
      .setJti(randomUUID()).setIssuedAt().setExpirationTime('1m').sign(internalPrivateKey);
  }
  request.body = form;
  return true;
}

function refuse(response, description) {
  const content = { error: 'invalid_client', error_description: description, correlation_id: randomUUID() };
  response.writeHead(401, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(content));
  return false;
}

async function isAllowed(tenant, token, registration) {
  try {
    const key = tenant.publicKey(decodeProtectedHeader(token).kid);
    const options = { issuer: tenant.issuer, audience: TOKEN_EXCHANGE_AUDIENCE, algorithms: ['RS256'] };
    const { payload } = await jwtVerify(token, key, options);
    const identity = tenant.identities.find((identity) => identity.principal_id === payload.sub);
    return identity?.federated.includes(registration.name) ?? false;
  } catch {
    return false; // not a token, or not one of ours
  }
}

export async function body(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > MOST_BYTES) throw new Error('the request is too large');
  }
  return text;
}
