// oidc-provider, configured to behave like Entra: Entra's paths, claims and errors, no consent page, no pages of its own.
import Provider, { errors, interactionPolicy } from 'oidc-provider';
import { idToken, personsAccess } from './claims.mjs';
import { failure } from './page.mjs';
import { LIFE } from './tenant.mjs';

const CODE_LIFE = 600;
const SESSION_LIFE = 24 * 3600;

export const paths = (tenant) => ({
  authorization: `/${tenant.id}/oauth2/v2.0/authorize`,
  token: `/${tenant.id}/oauth2/v2.0/token`,
  jwks: `/${tenant.id}/discovery/v2.0/keys`,
  end_session: `/${tenant.id}/oauth2/v2.0/logout`, // ends one person's session before another signs in
  login: `/${tenant.id}/login`,
});

/** Build the provider, again whenever keys or redirect URIs change; sessions and codes stay in the adapter. */
export function build(tenant, { adapter, internalKey, cookieKey }) {
  const { login, ...routes } = paths(tenant);
  const provider = new Provider(tenant.issuer, {
    adapter,
    clients: tenant.registrations.map((registration) => client(registration, internalKey)),
    jwks: { keys: tenant.privateKeys },
    cookies: { keys: [cookieKey] },
    routes,
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      dPoP: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: (context) => resourceIn(context.oidc.params?.scope),
        useGrantedResource: () => true,
        getResourceServerInfo: (context, uri, requester) => resource(tenant, uri, requester),
      },
    },
    interactions: { url: (context, interaction) => `${login}/${interaction.uid}`, policy: policy() },
    responseTypes: ['code'],
    scopes: ['openid', 'profile', 'email'],
    clientAuthMethods: ['private_key_jwt', 'none'],
    enabledJWA: { clientAuthSigningAlgValues: ['RS256'], idTokenSigningAlgValues: ['RS256'] },
    pkce: { required: () => true },
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'auth_time'], profile: ['name'] },
    ttl: {
      AccessToken: LIFE, AuthorizationCode: CODE_LIFE, Grant: SESSION_LIFE, IdToken: LIFE, Interaction: CODE_LIFE, Session: SESSION_LIFE,
    },
    formats: { customizers: { jwt: (context, token, jwt) => writeLikeEntra(tenant, token, jwt) } },
    findAccount: (context, oid) => account(tenant, oid),
    loadExistingGrant: (context) => grantEverything(context, tenant),
    renderError: (context, error) => { context.type = 'html'; context.body = failure(error); },
    discovery: { authorization_response_iss_parameter_supported: undefined },
  });
  provider.IdToken.prototype.issue = async function issue() {
    const person = tenant.people.get(this.available.sub);
    return tenant.sign(idToken(tenant, this.client.clientId, person, { ...(await this.payload()), scope: this.scope }));
  };
  return provider;
}

function client(registration, internalKey) {
  const common = {
    client_id: registration.client_id,
    redirect_uris: registration.redirect_uris,
    grant_types: ['authorization_code'],
    response_types: ['code'],
  };
  if (registration.public) return { ...common, application_type: 'native', token_endpoint_auth_method: 'none' };
  return {
    ...common,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'RS256',
    jwks: { keys: [internalKey] },
  };
}

/** Entra takes the resource from the scope: `api://<client id>/<scope>`. */
const resourceIn = (scope) => /(?:^|\s)(api:\/\/[^/\s]+)\//.exec(scope ?? '')?.[1];

function resource(tenant, uri, requester) {
  const registration = tenant.resourceOf(requester.clientId);
  if (`api://${registration?.client_id}` !== uri) throw new errors.InvalidTarget('AADSTS65001: nobody has consented to this resource');
  return {
    audience: registration.client_id,
    scope: registration.scopes.map((scope) => `${uri}/${scope}`).join(' '),
    accessTokenFormat: 'jwt',
    accessTokenTTL: LIFE,
    jwt: { sign: { alg: 'RS256' } },
  };
}

/** Entra asks an administrator for consent once, so people are not asked here. */
function policy() {
  const prompts = interactionPolicy.base();
  prompts.get('consent').checks.remove('native_client_prompt');
  return prompts;
}

function account(tenant, oid) {
  return tenant.people.has(oid) ? { accountId: oid, claims: () => ({ sub: oid }) } : undefined;
}

async function grantEverything(context, tenant) {
  const { client: requester, provider, session } = context.oidc;
  const grant = new provider.Grant({ clientId: requester.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid profile email');
  const target = tenant.resourceOf(requester.clientId);
  const uri = `api://${target.client_id}`;
  grant.addResourceScope(uri, target.scopes.map((scope) => `${uri}/${scope}`).join(' '));
  await grant.save();
  return grant;
}

/** Replace everything that oidc-provider would write into the access token. */
function writeLikeEntra(tenant, token, jwt) {
  const person = tenant.people.get(token.accountId);
  const target = tenant.registration(token.resourceServer.audience);
  jwt.payload = personsAccess(tenant, token.clientId, person, target, (token.scope ?? '').split(' '));
  jwt.header = { typ: 'JWT' };
}
