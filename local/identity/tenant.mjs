// A directory: its registrations, its people, the managed identities, and the keys that sign all its tokens. The private keys
// are made here and never leave this process.
import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export const BACK_DATED = 300; // Entra sets iat and nbf five minutes into the past
export const LIFE = 3600;

export class Tenant {
  #keys = [];

  constructor(settings) {
    this.id = settings.tenant;
    this.registrations = settings.registrations;
    this.people = new Map(settings.people.map((person) => [person.oid, person]));
    this.identities = settings.identities;
    this.issuer = ''; // set once the port is known
    this.signedInAgo = 0; // seconds by which tokens pre-date sign-ins
  }

  /** Make a new signing key. `forget` also removes the old keys from the published set, as after an emergency. */
  async rotate({ forget = false } = {}) {
    const pair = await generateKeyPair('RS256', { extractable: true });
    const kid = randomUUID().replaceAll('-', '').slice(0, 27);
    const jwk = { ...(await exportJWK(pair.privateKey)), kid, use: 'sig', alg: 'RS256' };
    this.#keys = [{ kid, jwk, privateKey: pair.privateKey, publicKey: pair.publicKey }, ...(forget ? [] : this.#keys)];
    return kid;
  }

  /** For the provider that is built in this process; the first one signs. */
  get privateKeys() {
    return this.#keys.map((key) => key.jwk);
  }

  publicKey(kid) {
    return this.#keys.find((key) => key.kid === kid)?.publicKey;
  }

  async sign(claims) {
    const [key] = this.#keys;
    return new SignJWT(claims).setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid: key.kid }).sign(key.privateKey);
  }

  registration(clientId) {
    return this.registrations.find((registration) => registration.client_id === clientId);
  }

  named(name) {
    return this.registrations.find((registration) => registration.name === name);
  }

  /** The registration whose scopes a client may request: its own, or the one that it calls. */
  resourceOf(clientId) {
    const registration = this.registration(clientId);
    return registration?.calls ? this.named(registration.calls) : registration;
  }
}

export const times = () => {
  const now = Math.floor(Date.now() / 1000);
  return { iat: now - BACK_DATED, nbf: now - BACK_DATED, exp: now + LIFE };
};
