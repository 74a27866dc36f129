"""Delivers events to the webhooks: the handshake first, then batches, by one courier per endpoint.

Nothing here makes a push wait. URLs may hold a key in their query, so they are shown without it.
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from .events import Event
from .queue import DeadLetter, DeliveryQueue, Parcel
from .records import moment
from .settings import EventEndpoint, Events

RESPONSE_WITHIN = aiohttp.ClientTimeout(total=30)
HANDSHAKE_WAITS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
MAX_IN_FLIGHT = 8
MAX_DEAD_LETTERS = 10_000
ORIGIN = "eventgrid.azure.net"
NO_RESPONSE = (aiohttp.ClientError, TimeoutError, OSError)


KeepDeadLetters = Callable[[EventEndpoint, list[DeadLetter]], None]


class Delivery:
    """All couriers of one registry, and the dead letters."""

    def __init__(self, policy: Events) -> None:
        self._policy = policy
        self._couriers: dict[EventEndpoint, _Courier] = {}
        self._session: aiohttp.ClientSession | None = None
        self.dead_letters: list[dict[str, Any]] = []

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(timeout=RESPONSE_WITHIN)
        await self.use(self._policy.endpoints)

    async def close(self) -> None:
        await self.use(())
        if self._session:
            await self._session.close()

    async def use(self, endpoints: tuple[EventEndpoint, ...]) -> None:
        """Deliver to exactly these endpoints. One that stays keeps its waiting events, one that is removed loses
        them."""
        assert self._session is not None, "open() comes first"
        for endpoint in self._couriers.keys() - set(endpoints):
            await self._couriers.pop(endpoint).stop()
        for endpoint in endpoints:
            if endpoint not in self._couriers:
                self._couriers[endpoint] = _Courier(endpoint, self._policy, self._session, self._keep_dead_letters)

    def send(self, event: Event) -> None:
        for courier in self._couriers.values():
            courier.add(event)

    def status(self) -> list[dict[str, Any]]:
        return [courier.status() for courier in self._couriers.values()]

    def _keep_dead_letters(self, endpoint: EventEndpoint, letters: list[DeadLetter]) -> None:
        records = [_dead_letter(endpoint, letter) for letter in letters]
        self.dead_letters = (self.dead_letters + records)[-MAX_DEAD_LETTERS:]
        if self._policy.dead_letter_file:
            with self._policy.dead_letter_file.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(record) + "\n" for record in records)


class _Courier:
    """Delivers to one endpoint."""

    def __init__(
        self,
        endpoint: EventEndpoint,
        policy: Events,
        session: aiohttp.ClientSession,
        keep_dead_letters: KeepDeadLetters,
    ) -> None:
        self._endpoint = endpoint
        self._session = session
        self._keep_dead_letters = keep_dead_letters
        self._queue = DeliveryQueue(policy)
        self._changed = asyncio.Event()
        self._confirmed = not endpoint.handshake
        self._in_flight: set[asyncio.Task[None]] = set()
        self._task = asyncio.create_task(self._run())

    def add(self, event: Event) -> None:
        self._queue.add(event, _now())
        self._changed.set()

    def status(self) -> dict[str, Any]:
        return {
            "name": self._endpoint.name,
            "url": _without_query(self._endpoint.url),
            "confirmed": self._confirmed,
            "waiting": len(self._queue),
            "delivered": self._queue.delivered,
            "dead_lettered": self._queue.given_up,
        }

    async def stop(self) -> None:
        for task in (self._task, *self._in_flight):
            task.cancel()
        await asyncio.gather(self._task, *self._in_flight, return_exceptions=True)

    async def _run(self) -> None:
        failures = 0
        while not self._confirmed:
            self._confirmed = await self._handshake()
            if not self._confirmed:
                await asyncio.sleep(HANDSHAKE_WAITS[min(failures, len(HANDSHAKE_WAITS) - 1)])
                failures += 1
        while True:
            self._changed.clear()
            while len(self._in_flight) < MAX_IN_FLIGHT and (
                batch := self._queue.take(_now(), self._endpoint.max_events_per_batch)
            ):
                task = asyncio.create_task(self._deliver(batch))
                self._in_flight.add(task)
                task.add_done_callback(self._on_finished)
            await self._wait()

    def _on_finished(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._changed.set()

    async def _wait(self) -> None:
        """Wait until something changes, or the next event is due and may be delivered."""
        due = self._queue.next_due() if len(self._in_flight) < MAX_IN_FLIGHT else None
        seconds = max((due - _now()).total_seconds(), 0.0) if due else None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    async def _deliver(self, batch: list[Parcel]) -> None:
        headers = {
            "aeg-event-type": "Notification",
            "aeg-subscription-name": self._endpoint.name,
            "aeg-delivery-count": str(min(parcel.attempts for parcel in batch)),
            "aeg-data-version": "1.0",
            "aeg-metadata-version": "1",
        }
        body = [_in_schema(self._endpoint, parcel.event) for parcel in batch]
        if self._endpoint.event_delivery_schema == "CloudEventSchemaV1_0":
            single = self._endpoint.max_events_per_batch == 1
            headers["Content-Type"] = f"application/cloudevents{'' if single else '-batch'}+json; charset=utf-8"
            status = await self._post(headers, body[0] if single else body)
        else:
            headers["Content-Type"] = "application/json; charset=utf-8"
            status = await self._post(headers, body)
        dead = self._queue.settle(batch, status, _now())
        if dead:
            self._keep_dead_letters(self._endpoint, dead)

    async def _post(self, headers: dict[str, str], body: object) -> int | None:
        try:
            async with self._session.post(
                self._endpoint.url, data=json.dumps(body).encode(), headers=headers, allow_redirects=False
            ) as response:
                return response.status
        except NO_RESPONSE:
            return None

    async def _handshake(self) -> bool:
        try:
            if self._endpoint.event_delivery_schema == "CloudEventSchemaV1_0":
                async with self._session.options(
                    self._endpoint.url, headers={"WebHook-Request-Origin": ORIGIN}
                ) as response:
                    return response.status == 200 and response.headers.get("WebHook-Allowed-Origin") in ("*", ORIGIN)
            code = str(uuid.uuid4()).upper()
            headers = {"aeg-event-type": "SubscriptionValidation", "aeg-subscription-name": self._endpoint.name}
            async with self._session.post(self._endpoint.url, json=[_validation(code)], headers=headers) as response:
                document = await response.json(content_type=None) if response.status == 200 else None
                return isinstance(document, dict) and document.get("validationResponse") == code
        except (*NO_RESPONSE, ValueError):
            return False


def _validation(code: str) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "topic": "",
        "subject": "",
        "data": {"validationCode": code},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": moment(_now()),
        "metadataVersion": "1",
        "dataVersion": "2",
    }


def _in_schema(endpoint: EventEndpoint, event: Event) -> dict[str, Any]:
    if endpoint.event_delivery_schema == "CloudEventSchemaV1_0":
        return event.in_cloud_event_schema()
    return event.in_event_grid_schema()


def _dead_letter(endpoint: EventEndpoint, letter: DeadLetter) -> dict[str, Any]:
    parcel = letter.parcel
    fields: dict[str, Any] = {
        "deadLetterReason": letter.reason.value,
        "deliveryAttempts": parcel.attempts,
        "lastDeliveryOutcome": parcel.outcome,
        "publishTime": moment(parcel.published),
        "lastDeliveryAttemptTime": moment(parcel.last_attempt or parcel.published),
    }
    if endpoint.event_delivery_schema == "CloudEventSchemaV1_0":
        fields = {name.lower(): value for name, value in fields.items()}
    return {**_in_schema(endpoint, parcel.event), **fields}


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _now() -> datetime:
    return datetime.now(UTC)
