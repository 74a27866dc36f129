"""An address for each pod. Nothing listens there: the API server connects through our tunnel (`tunnel.py`)."""

from ipaddress import IPv4Address, IPv4Network

PODS = IPv4Network("10.244.0.0/16")


class Addresses:
    """Gives each pod, by uid, an address until the pod is gone. Addresses are used in turn, so none is reused soon."""

    def __init__(self, network: IPv4Network = PODS) -> None:
        self._network = network
        self._next = 0
        self._by_pod: dict[str, str] = {}
        self._owners: dict[str, str] = {}

    def address_of(self, uid: str) -> str:
        if uid not in self._by_pod:
            address = self._free_one()
            self._by_pod[uid], self._owners[address] = address, uid
        return self._by_pod[uid]

    def owner(self, address: str) -> str | None:
        return self._owners.get(address)

    def free(self, uid: str) -> None:
        if address := self._by_pod.pop(uid, None):
            del self._owners[address]

    def _free_one(self) -> str:
        usable = self._network.num_addresses - 2
        for _ in range(usable):
            address = str(IPv4Address(int(self._network.network_address) + 1 + self._next % usable))
            self._next += 1
            if address not in self._owners:
                return address
        raise RuntimeError(f"all {usable} addresses of {self._network} are in use")
