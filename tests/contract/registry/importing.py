"""Two doubles of ACR with Resource Manager between them, for the tests of imports."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from local.registry import Principal, Settings
from local.registry import Registry as Double
from local.registry.arm import IMPORT, PULL, Arm, ArmRegistry, Caller
from slipway.effects.registry import EntraCredential, Importer, Registry, RegistryEndpoint

_PREFIX = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shop/providers"
SOURCE_ID = f"{_PREFIX}/Microsoft.ContainerRegistry/registries/nonprod"
TARGET_ID = f"{_PREFIX}/Microsoft.ContainerRegistry/registries/prod"
ALL = {TARGET_ID: frozenset({IMPORT}), SOURCE_ID: frozenset({PULL})}


@dataclass(frozen=True)
class Azure:
    """Two registries, and the Resource Manager that imports between them."""

    source: Registry
    target: Registry
    arm: Arm

    def importer(self, token: str = "may") -> Importer:
        return Importer(lambda: token, endpoint=self.arm.url, pause=lambda seconds: None)


@contextmanager
def azure(*, async_operation: bool = True) -> Iterator[Azure]:
    app = Principal(name="app", entra_token=SecretStr("entra"), allow={"*": "pull,push,delete"})
    service = Principal(name="service", password=SecretStr("of-the-service"), allow={"*": "pull,push"})
    callers = [
        Caller(token="may", rights=ALL),
        Caller(token="no import", rights={SOURCE_ID: ALL[SOURCE_ID]}),
        Caller(token="no pull", rights={TARGET_ID: ALL[TARGET_ID]}),
    ]
    with Double(Settings(principals=(app, service))) as source, Double(Settings(principals=(app, service))) as target:
        registries = [
            ArmRegistry(
                resource_id=name, login_server=place.login_server, username="service", password="of-the-service"
            )
            for name, place in ((SOURCE_ID, source), (TARGET_ID, target))
        ]
        with Arm(registries, callers, async_operation=async_operation) as arm:
            clients = [
                Registry(RegistryEndpoint(place.login_server), EntraCredential(lambda: "entra"))
                for place in (source, target)
            ]
            yield Azure(source=clients[0], target=clients[1], arm=arm)
