// What stands in a token, in Entra's words: version 2.0 for our own registrations, 1.0 for Azure DevOps.
import { createHash, randomBytes } from 'node:crypto';
import { times } from './tenant.mjs';

export const TOKEN_EXCHANGE = 'api://AzureADTokenExchange';
export const TOKEN_EXCHANGE_AUDIENCE = 'fb60f99c-7a34-4190-8149-302f77469936';
export const AZURE_DEVOPS = '499b84ac-1321-427f-aa17-267ca6975798';
const MOST_GROUPS = 200;

const uti = () => randomBytes(16).toString('base64url');

/** Pairwise: the same person is somebody else to each registration. */
const subject = (person, clientId) => createHash('sha256').update(`${clientId} ${person.oid}`).digest('base64url');

/** Over 200 groups are not named, but pointed to; roles are those of this registration and of no other. */
function rights(tenant, holder, registration) {
  const roles = holder.roles?.[registration.name] ?? [];
  const groups = registration.groups ? (holder.groups ?? []) : [];
  const far = { endpoint: `https://graph.windows.net/${tenant.id}/users/${holder.oid}/getMemberObjects` };
  return {
    ...(roles.length > 0 && { roles }),
    ...(groups.length > MOST_GROUPS
      ? { _claim_names: { groups: 'src1' }, _claim_sources: { src1: far } }
      : groups.length > 0 && { groups }),
  };
}

const profileOf = (person) => ({ name: person.name, oid: person.oid, preferred_username: person.mail });

/** `told` is what the provider knows of this sign-in: nonce, auth_time, the scopes that were granted. */
export function idToken(tenant, clientId, person, told) {
  const registration = tenant.registration(clientId);
  const scopes = (told.scope ?? '').split(' ');
  return {
    aud: clientId,
    iss: tenant.issuer,
    ...times(),
    ...(registration.auth_time && { auth_time: told.auth_time - tenant.signedInAgo }),
    ...(registration.acct && { acct: person.guest ? 1 : 0 }),
    ...(person.guest && { idp: `https://sts.windows.net/${person.guest}/`, email: person.mail }),
    ...(scopes.includes('profile') && profileOf(person)),
    ...(told.nonce !== undefined && { nonce: told.nonce }),
    ...rights(tenant, person, registration),
    sub: subject(person, clientId),
    tid: tenant.id,
    uti: uti(),
    ver: '2.0',
  };
}

/** For our own registration, in a person's name: it has `scp`. */
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

/** For our own registration, in an application's own name: `idtyp: app` and no `scp`. */
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

/** What a registration with a federated credential takes for a client assertion. */
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
