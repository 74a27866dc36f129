"""The door of every handler: finds out who asks, and refuses with a challenge what their token does not cover."""

from aiohttp import web

from .auth import Authority, Scope


class Gate:
    """Checks requests against scopes; the realm and the service are those that the client called us by."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority

    def require(self, request: web.Request, *scopes: Scope) -> str:
        """The principal's name; raises OciError 401."""
        return self.authority.check(
            request.headers.get("Authorization"),
            realm=f"{request.scheme}://{request.host}/oauth2/token",
            service=request.host,
            scopes=scopes,
        )

    def may(self, request: web.Request, repository: str, *actions: str) -> str:
        return self.require(request, Scope.repository(repository, *actions))
