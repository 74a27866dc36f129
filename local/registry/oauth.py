"""`/oauth2/exchange` and `/oauth2/token`: the token endpoints of ACR."""

from collections.abc import Mapping

from aiohttp import web

from .auth import Authority, Scope
from .errors import Code, OciError
from .settings import Principal

MAX_SCOPES = 20


class OAuth:
    """Issues tokens; a GET of the exchange is a 404, as on ACR."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/oauth2/exchange", self.exchange),
            web.post("/oauth2/token", self.token_by_post),
            web.get("/oauth2/token", self.token_by_get, allow_head=False),
        ]

    async def exchange(self, request: web.Request) -> web.Response:
        form = await _form(request)
        if form.get("grant_type") != "access_token":
            raise _bad("grant_type", "access_token", form.get("grant_type"))
        refresh_token = self._authority.exchange(service=_service(form), entra_token=form.get("access_token", ""))
        return web.json_response({"refresh_token": refresh_token})

    async def token_by_post(self, request: web.Request) -> web.Response:
        form = await _form(request)
        service, grant = _service(form), form.get("grant_type")
        principal: Principal | None = None
        if grant == "refresh_token":
            principal = self._authority.by_refresh_token(service=service, token=form.get("refresh_token", ""))
        elif grant == "password" and form.get("username"):
            principal = self._authority.by_password(
                service=service, name=form["username"], password=form.get("password", "")
            )
        elif grant != "password":
            raise _bad("grant_type", "refresh_token or password", grant)
        scopes = [word for value in (await request.post()).getall("scope", []) for word in str(value).split()]
        return self._tokens(principal, service, scopes, refresh=form.get("access_type") == "offline")

    async def token_by_get(self, request: web.Request) -> web.Response:
        """How docker login, skopeo and containerd sign in: with Basic credentials, or with none for anonymous pull."""
        service = _service(request.query)
        principal: Principal | None = None
        if authorization := request.headers.get("Authorization"):
            principal = self._authority.by_basic(service=service, authorization=authorization)
        scopes = [word for value in request.query.getall("scope", []) for word in value.split()]
        return self._tokens(principal, service, scopes, refresh=request.query.get("offline_token") == "true")

    def _tokens(self, principal: Principal | None, service: str, scopes: list[str], *, refresh: bool) -> web.Response:
        if len(scopes) > MAX_SCOPES:
            raise _bad("scope", f"at most {MAX_SCOPES} scopes", str(len(scopes)))
        token = self._authority.access_token(principal, service=service, scopes=map(Scope.parse, scopes))
        document = {"access_token": token}
        if refresh and principal:
            document["refresh_token"] = self._authority.refresh_token(principal, service=service)
        return web.json_response(document)


async def _form(request: web.Request) -> Mapping[str, str]:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _service(form: Mapping[str, str]) -> str:
    service = form.get("service", "")
    if not service:
        raise _bad("service", "the registry's login server", None)
    return service


def _bad(field: str, expected: str, actual: str | None) -> OciError:
    return OciError(Code.BODY_INVALID, f"{field}: expected {expected}, got {(actual or 'none')[:100]}")
