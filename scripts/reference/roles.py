"""The page docs/reference/roles.md, made from the roles themselves: `python -m scripts.reference.roles`."""

import sys

from scripts.reference.meanings import of_members
from slipway.domain.roles import PERMISSIONS, Permission, Role

_START = """# Roles and permissions

Every endpoint of `/api/v1` asks for one permission. A refusal is a problem (RFC 9457) with status 403 that names the
permission and the roles that have it; 401 means that the caller is not authenticated.

| Permission | What it allows | reader | operator | platform |
|---|---|---|---|---|
"""
_END = """
Voting needs none of these roles: each gate's policy says whose votes count there, by persons, groups, or roles that it
names itself (`role:shop-approvers`). Nor are they enough to apply an application: its project says who may, in
`owners.apply`, where `role:platform` can be listed too.

## Where a role comes from

**People.** Whoever has any app role here is a reader, even if only a gate names that role; whoever has none sees
nothing. Roles are given in Entra: define the app roles `reader`, `operator`, `platform` (or `Slipway.Reader`, …) in the
app's registration and assign people, groups or workload identities to them. Tokens name them: the session of the pages
is made from an ID token, the API takes access tokens (`Authorization: Bearer …`) of people (with the scope
`user_impersonation`) and of applications.

**Keys.** A key gives the role reader and never more, because nobody knows who holds it. The Functions host checks its
keys before it calls the app, and does not tell a Python app which one it was. The app sees the key itself, so a key
gets a name by its hash:

```sh title="needs Azure"
KEY=$(openssl rand -base64 32)
printf %s "$KEY" | sha256sum            # → SLIPWAY_API_KEYS={"auditors": {"sha256": "…"}}
az functionapp keys set --key-type functionKeys --key-name auditors --key-value "$KEY" --resource-group … --name …
```

Hashing without a salt is enough because such a key is random, not a
password that somebody could guess: never use one that is shorter than 32 random bytes.

## Who is let in

`SLIPWAY_API_ACCESS` says so:

- `host-keys` (default): the host asks for one of its keys (`x-functions-key` or `?code=`), which lets its holder read.
  If an access token is sent as well, it alone says who calls.
- `roles` (as `azd up` sets it): the host asks for nothing, and the app lets in access tokens and named keys. A host
  key that is not named opens nothing. Use this if people use the command or the API with their own sign-in.

On the laptop the command signs in by itself, as an application with the role `platform`.
"""


def page() -> str:
    rows = "".join(
        f"| `{permission}` | {meaning} | "
        + " | ".join("✓" if permission in PERMISSIONS[role] else "" for role in Role)
        + " |\n"
        for permission, meaning in of_members(Permission).items()
    )
    return _START + rows + _END


if __name__ == "__main__":
    sys.stdout.write(page())
