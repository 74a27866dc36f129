// The endpoint of managed identities, like that of App Service and Functions (IDENTITY_ENDPOINT, IDENTITY_HEADER), and under
// /local the changes that a test or the stack may make.
import { randomUUID } from 'node:crypto';
import { applicationsAccess, assertion, AZURE_DEVOPS, azureDevOpsAccess, TOKEN_EXCHANGE } from './claims.mjs';
import { body } from './door.mjs';

export const PATH = '/msi/token';
const VERSION = '2019-08-01';

export async function respond(directory, request, response) {
  const url = new URL(request.url, 'http://127.0.0.1');
  if (url.pathname === PATH && request.method === 'GET') {
    const [status, content] = await token(directory.tenant, url.searchParams, request.headers['x-identity-header']);
    json(response, status, content);
  } else if (url.pathname === '/local/rotate' && request.method === 'POST') {
    const kid = await directory.tenant.rotate(JSON.parse((await body(request)) || '{}'));
    directory.rebuild();
    json(response, 200, { kid });
  } else if (url.pathname === '/local/redirect-uris' && request.method === 'POST') {
    const redirectUris = JSON.parse(await body(request));
    const unknown = Object.keys(redirectUris).filter((name) => directory.tenant.named(name) === undefined);
    if (unknown.length > 0) { json(response, 400, { message: `there is no registration ${unknown.join(', ')}` }); return; }
    for (const [name, uris] of Object.entries(redirectUris)) directory.tenant.named(name).redirect_uris = uris;
    directory.rebuild();
    json(response, 200, redirectUris);
  } else if (url.pathname === '/local/away' && request.method === 'POST') {
    const change = JSON.parse(await body(request));
    await directory.away(change.away === true);
    json(response, 200, change);
  } else if (url.pathname === '/local/signed-in-ago' && request.method === 'POST') {
    const change = JSON.parse(await body(request));
    if (!Number.isInteger(change.seconds) || change.seconds < 0) { json(response, 400, { message: 'seconds is a whole number' }); return; }
    directory.tenant.signedInAgo = change.seconds;
    json(response, 200, change);
  } else {
    json(response, 501, { message: `The double of Entra does not know ${request.method} ${url.pathname}.` });
  }
}

async function token(tenant, query, secret) {
  const identity = tenant.identities.find((identity) => identity.client_id === query.get('client_id'));
  if (!secret || !tenant.identities.some((identity) => identity.secret === secret)) return refused(403, 'The X-IDENTITY-HEADER is missing or wrong.');
  if (query.get('api-version') !== VERSION) return refused(501, `The double knows api-version ${VERSION} only.`);
  if (identity?.secret !== secret) return refused(400, 'No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.');
  const resource = (query.get('resource') ?? '').replace(/\/\.default$/, '');
  const claims = claimsFor(tenant, identity, resource);
  if (claims === undefined) return refused(501, `The double knows no resource ${resource}.`);
  const content = {
    access_token: await tenant.sign(claims), client_id: identity.client_id, expires_on: String(claims.exp), resource, token_type: 'Bearer',
  };
  return [200, content];
}

function claimsFor(tenant, identity, resource) {
  if (resource === TOKEN_EXCHANGE) return assertion(tenant, identity);
  if (resource === AZURE_DEVOPS) return azureDevOpsAccess(tenant, identity);
  const own = tenant.registration(resource.replace(/^api:\/\//, ''));
  return own && applicationsAccess(tenant, identity, own);
}

const refused = (status, message) => [status, { statusCode: status, message, correlationId: randomUUID() }];

function json(response, status, content) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(content));
}
