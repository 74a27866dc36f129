// The claims of tokens, as Entra writes them: version 2.0 for our own registrations, 1.0 for Azure DevOps.
import { createHash, randomBytes } from 'node:crypto';
import { times } from './tenant.mjs';

export const TOKEN_EXCHANGE = 'api://AzureADTokenExchange';
export const TOKEN_EXCHANGE_AUDIENCE = 'fb60f99c-7a34-4190-8149-302f77469936';
export const AZURE_DEVOPS = '499b84ac-1321-427f-aa17-267ca6975798';
const MOST_GROUPS = 200;

const uti = () => randomBytes(16).toString('base64url');

/** Pairwise: each registration gets another subject for the same person. */
const subject = (person, clientId) => createHash('sha256').update(`${clientId} ${person.oid}`).digest('base64url');

/** The claims for the roles in this registration and for groups. More than 200 groups are referred to, not listed. */
function rights(tenant, holder, registration) {
  const roles = holder.roles?.[registration.name] ?? [];
  const groups = registration.groups ? (holder.groups ?? []) : [];
  const groupsSource = { endpoint: `https://graph.windows.net/${tenant.id}/users/${holder.oid}/getMemberObjects` };
  return {
    ...(roles.length > 0 && { roles }),
    ...(groups.length > MOST_GROUPS
      ? { _claim_names: { groups: 'src1' }, _claim_sources: { src1: groupsSource } }
      : groups.length > 0 && { groups }),
  };
}

const profileOf = (person) => ({ name: person.name, oid: person.oid, preferred_username: person.mail });

/** `signIn` is the provider's payload for this sign-in: nonce, auth_time, the granted scopes. */
export function idToken(tenant, clientId, person, signIn) {
  const registration = tenant.registration(clientId);
  const scopes = (signIn.scope ?? '').split(' ');
  return {
    aud: clientId,
    iss: tenant.issuer,
    ...times(),
    ...(registration.auth_time && { auth_time: signIn.auth_time - tenant.signedInAgo }),
    ...(registration.acct && { acct: person.guest ? 1 : 0 }),
    ...(person.guest && { idp: `https://sts.windows.net/${person.guest}/`, email: person.mail }),
    ...(scopes.includes('profile') && profileOf(person)),
    ...(signIn.nonce !== undefined && { nonce: signIn.nonce }),
    ...rights(tenant, person, registration),
    sub: subject(person, clientId),
    tid: tenant.id,
    uti: uti(),
    ver: '2.0',
  };
}

/** For our own registration, on behalf of a person: it has `scp`. */
export function personsAccess(tenant, clientId, person, resource, scopes) {
  return {
    aud: resource.client_id,
    iss: tenant.issuer,
    ...times(),
    azp: clientId,
    azpacr: tenant.registration(clientId).public ? '0' : '2',
    ...profileOf(person),
    ...rights(tenant, person, resource),
    scp: scopes.map((scope) => scope.slice(scope.lastIndexOf('/') + 1)).join(' '),
    sub: subject(person, resource.client_id),
    tid: tenant.id,
    uti: uti(),
    ver: '2.0',
  };
}

/** For our own registration, on an application's own behalf: `idtyp: app` and no `scp`. */
export function applicationsAccess(tenant, identity, resource) {
  return {
    aud: resource.client_id,
    iss: tenant.issuer,
    ...times(),
    azp: identity.client_id,
    azpacr: '2',
    idtyp: 'app',
    oid: identity.principal_id,
    ...rights(tenant, { roles: identity.roles, oid: identity.principal_id }, resource),
    sub: identity.principal_id,
    tid: tenant.id,
    uti: uti(),
    ver: '2.0',
  };
}

/** A client assertion for registrations with a federated credential. */
export function assertion(tenant, identity) {
  return {
    aud: TOKEN_EXCHANGE_AUDIENCE,
    iss: tenant.issuer,
    ...times(),
    azp: identity.client_id,
    idtyp: 'app',
    oid: identity.principal_id,
    sub: identity.principal_id,
    tid: tenant.id,
    uti: uti(),
    ver: '2.0',
  };
}

export function azureDevOpsAccess(tenant, identity) {
  return {
    aud: AZURE_DEVOPS,
    iss: `https://sts.windows.net/${tenant.id}/`,
    ...times(),
    appid: identity.client_id,
    appidacr: '2',
    idtyp: 'app',
    oid: identity.principal_id,
    sub: identity.principal_id,
    tid: tenant.id,
    uti: uti(),
    ver: '1.0',
  };
}
