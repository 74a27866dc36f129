// Sessions, codes and grants, in memory: one store for all providers that this process builds one after another.
const GRANTED = ['AccessToken', 'AuthorizationCode'];

/** An adapter for oidc-provider, which makes one for each of its models. */
export function store() {
  const entries = new Map();
  return (model) => new Shelf(entries, model);
}

class Shelf {
  constructor(entries, model) {
    this.entries = entries;
    this.model = model;
  }

  #key(id) {
    return `${this.model} ${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const ends = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    this.entries.set(this.#key(id), { model: this.model, payload, ends });
  }

  async find(id) {
    const entry = this.entries.get(this.#key(id));
    return entry && entry.ends > Date.now() ? entry.payload : undefined;
  }

  async findByUid(uid) {
    for (const { model, payload, ends } of this.entries.values()) {
      if (model === this.model && payload.uid === uid && ends > Date.now()) return payload;
    }
    return undefined;
  }

  async consume(id) {
    this.entries.get(this.#key(id)).payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    this.entries.delete(this.#key(id));
  }

  async revokeByGrantId(grantId) {
    for (const [key, { model, payload }] of this.entries) {
      if (GRANTED.includes(model) && payload.grantId === grantId) this.entries.delete(key);
    }
  }
}
