"""Authorization for every handler: identifies the caller, and refuses with a challenge what their token does not
cover."""

from aiohttp import web

from .auth import Authority, Scope


class Gate:
    """Checks requests against scopes; realm and service are those by which the client called us."""

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

    def require_actions(self, request: web.Request, repository: str, *actions: str) -> str:
        return self.require(request, Scope.repository(repository, *actions))
