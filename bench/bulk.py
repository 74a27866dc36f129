"""Writes transactions into Azurite as fast as it accepts them, with hand-written requests: the SDK spends more time on
composing and signing a transaction than Azurite does on executing it. For the generator only; queries go through the
SDK.
"""

import base64
import hashlib
import hmac
import http.client
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import formatdate
from itertools import batched
from typing import Final

from local.stack import azurite
from slipway.ledger.table import TRANSACTION_LIMIT, Value

THREADS: Final = 3
"""Azurite has a single thread; more of ours only keep it busy while responses are read."""
TRIES: Final = 10
_ACCEPTED: Final = 202
_BATCH: Final = "batch_slipway"
_SET: Final = "changeset_slipway"

type Rows = list[tuple[str, dict[str, Value]]]
"""Row keys and columns of one partition."""


class BulkFailed(Exception):  # noqa: N818 - it reads better without a suffix
    """Azurite refused a transaction; the message is its response."""


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """Inserts rows into one table."""

    port: int
    table: str

    def create(self, rows: dict[str, Rows]) -> int:
        """Insert the rows; returns how many. Partitions are written in parallel, each in its order."""
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(self._part, _shares(rows)))

    def _part(self, share: dict[str, Rows]) -> int:
        connection, count = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120), 0
        try:
            for partition, rows in share.items():
                for batch in batched(rows, TRANSACTION_LIMIT, strict=False):
                    self._send(connection, self._body(partition, batch))
                    count += len(batch)
        finally:
            connection.close()
        return count

    def _send(self, connection: http.client.HTTPConnection, body: bytes) -> None:
        for _ in range(TRIES):
            try:
                connection.request("POST", f"/{azurite.ACCOUNT}/$batch", body=body, headers=_headers())
                response = connection.getresponse()
                content = response.read()
            except (http.client.HTTPException, OSError):
                connection.close()  # Azurite closes idle connections, even one that is just being reused
                continue
            if response.status == _ACCEPTED and (b" 204 " in content or b"EntityAlreadyExists" in content):
                return  # already there: it was written by an earlier try whose response was lost
            raise BulkFailed(f"{response.status}: {content[:600]!r}")
        raise BulkFailed(f"Azurite did not answer {TRIES} times")

    def _body(self, partition: str, batch: Iterable[tuple[str, dict[str, Value]]]) -> bytes:
        lines = [f"--{_BATCH}", f"Content-Type: multipart/mixed; boundary={_SET}", ""]
        for key, values in batch:
            lines += [
                f"--{_SET}",
                "Content-Type: application/http",
                "Content-Transfer-Encoding: binary",
                "",
                f"POST http://127.0.0.1:{self.port}/{azurite.ACCOUNT}/{self.table} HTTP/1.1",
                "Content-Type: application/json",
                "Accept: application/json;odata=minimalmetadata",
                "Prefer: return-no-content",
                "DataServiceVersion: 3.0",
                "",
                json.dumps({"PartitionKey": partition, "RowKey": key, **values}),
            ]
        lines += [f"--{_SET}--", f"--{_BATCH}--", ""]
        return "\r\n".join(lines).encode()


def _shares(rows: dict[str, Rows]) -> Iterator[dict[str, Rows]]:
    """The partitions, dealt out to the threads: longest first, so that no thread gets all the long ones."""
    order = sorted(rows, key=lambda name: -len(rows[name]))
    for number in range(THREADS):
        yield {name: rows[name] for name in order[number::THREADS]}


def _headers() -> dict[str, str]:
    now = formatdate(usegmt=True)
    string_to_sign = f"{now}\n/{azurite.ACCOUNT}/{azurite.ACCOUNT}/$batch".encode()
    digest = hmac.new(base64.b64decode(azurite.KEY), string_to_sign, hashlib.sha256).digest()
    return {
        "x-ms-date": now,
        "x-ms-version": "2019-02-02",
        "Authorization": f"SharedKeyLite {azurite.ACCOUNT}:{base64.b64encode(digest).decode()}",
        "Content-Type": f"multipart/mixed; boundary={_BATCH}",
        "DataServiceVersion": "3.0",
        "MaxDataServiceVersion": "3.0;NetFx",
        "Accept": "application/json;odata=minimalmetadata",
    }
