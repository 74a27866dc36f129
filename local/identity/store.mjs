// Sessions, codes and grants, in memory: one store for all providers that are built one after another in this process.
const GRANTED = ['AccessToken', 'AuthorizationCode'];

/** What oidc-provider calls an adapter, made for each of its models. */
export function store() {
  const kept = new Map();
  return (model) => new Shelf(kept, model);
}

class Shelf {
  constructor(kept, model) {
    this.kept = kept;
    this.model = model;
  }

  #key(id) {
    return `${this.model} ${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const ends = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    this.kept.set(this.#key(id), { model: this.model, payload, ends });
  }

  async find(id) {
    const found = this.kept.get(this.#key(id));
    return found && found.ends > Date.now() ? found.payload : undefined;
  }

  async findByUid(uid) {
    for (const { model, payload, ends } of this.kept.values()) {
      if (model === this.model && payload.uid === uid && ends > Date.now()) return payload;
    }
    return undefined;
  }

  async consume(id) {
    this.kept.get(this.#key(id)).payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    this.kept.delete(this.#key(id));
  }

  async revokeByGrantId(grantId) {
    for (const [key, { model, payload }] of this.kept) {
      if (GRANTED.includes(model) && payload.grantId === grantId) this.kept.delete(key);
    }
  }
}
