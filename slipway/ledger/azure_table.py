"""The table port on Table Storage, through `azure-data-tables`. Imported by the wiring only, as its import is slow."""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableClient, TableErrorCode, TableTransactionError, UpdateMode

from .containers import lazy_table
from .table import (
    Act,
    Conflict,
    Exists,
    LedgerRefused,
    LedgerUnavailable,
    Page,
    Row,
    RowCondition,
    UnknownPlace,
    Value,
    Write,
    check_key,
    check_transaction,
)


class AzureTable:
    """Table Storage through `azure-data-tables`."""

    def __init__(self, client: TableClient, *, makes: bool = False) -> None:
        """`makes`: the table is made on first use if it is missing."""
        self._lazy = lazy_table(client, makes=makes)

    def get(self, partition: str, key: str) -> Row | None:
        check_key(partition, key)
        try:
            return _row(self._lazy.client.get_entity(partition, key))
        except ResourceNotFoundError as error:
            if getattr(error, "error_code", None) == TableErrorCode.TABLE_NOT_FOUND:
                raise LedgerUnavailable(_plain(error)) from error  # an empty answer would look like an empty ledger
            return None
        except AzureError as error:
            raise _failed(error) from error

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        if limit is not None and limit < 1:
            return
        entities = self._lazy.client.query_entities(
            "PartitionKey eq @partition and RowKey ge @first and RowKey le @last",
            parameters={"partition": partition, "first": first, "last": last},
            results_per_page=min(limit, 1000) if limit else None,
        )
        try:
            for count, entity in enumerate(entities, start=1):
                yield _row(entity)
                if count == limit:
                    return
        except AzureError as error:
            raise _failed(error) from error

    def page(
        self, partition: str, first: str, last: str, *, limit: int, where: Sequence[RowCondition] = (), resume: str = ""
    ) -> Page:
        text, values = "PartitionKey eq @partition and RowKey ge @first and RowKey le @last", dict[str, str | bool]()
        for number, condition in enumerate(where):
            text += f" and {condition.column} {condition.holds} @value{number}"
            values[f"value{number}"] = condition.value
        pages = self._lazy.client.query_entities(
            text,
            parameters={"partition": partition, "first": first, "last": last, **values},
            results_per_page=min(limit, 1000),
        ).by_page(continuation_token=_continuation(resume))
        try:
            rows = tuple(_row(entity) for entity in next(pages, ()))
        except HttpResponseError as error:
            if resume and error.status_code == HTTPStatus.BAD_REQUEST:
                raise UnknownPlace(resume[:80]) from error
            raise _failed(error) from error
        except AzureError as error:
            raise _failed(error) from error
        more = getattr(pages, "continuation_token", None)
        return Page(rows=rows, more=json.dumps(more) if more else "")

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        check_transaction(writes)
        if not writes:
            return ()  # the service refuses a transaction without operations
        try:
            answers = self._lazy.client.submit_transaction([_operation(partition, write) for write in writes])
        except TableTransactionError as error:
            raise _refusal(error, writes) from error
        except AzureError as error:
            raise _failed(error) from error
        return tuple(answer.get("etag") or "" for answer in answers)

    # ---- row by row
    def add(self, partition: str, key: str, values: Mapping[str, Value]) -> None:
        check_transaction([Write(act=Act.CREATE, key=key, values=values)])
        try:
            self._lazy.client.create_entity({"PartitionKey": partition, "RowKey": key, **values})
        except ResourceExistsError as error:
            raise Exists(key) from error
        except AzureError as error:
            raise _failed(error) from error

    def remove(self, partition: str, key: str) -> None:
        try:
            self._lazy.client.delete_entity(partition, key)  # the SDK counts a row that is gone as removed
        except AzureError as error:
            raise _failed(error) from error

    def everything(self, *, limit: int) -> Iterator[tuple[str, Row]]:
        try:
            entities = self._lazy.client.list_entities(results_per_page=min(limit, 1000))
            for count, entity in enumerate(entities, start=1):
                yield entity["PartitionKey"], _row(entity)
                if count == limit:
                    return
        except AzureError as error:
            raise _failed(error) from error


def _continuation(resume: str) -> Any:
    """The continuation token in the SDK's form. Raises `UnknownPlace` if it does not have that form."""
    if not resume:
        return None
    try:
        token = json.loads(resume)
    except (ValueError, RecursionError):
        token = None
    parts = token if isinstance(token, dict) else {}
    if set(parts) != {"PartitionKey", "RowKey"} or not all(isinstance(part, str | None) for part in parts.values()):
        raise UnknownPlace(resume[:80])
    return parts


def _row(entity: Any) -> Row:
    values = {name: value for name, value in entity.items() if name not in ("PartitionKey", "RowKey")}
    metadata = entity.metadata
    return Row(
        partition=entity["PartitionKey"],
        key=entity["RowKey"],
        values=values,
        etag=metadata["etag"],
        written_at=metadata["timestamp"],
    )


def _operation(partition: str, write: Write) -> Any:
    entity = {"PartitionKey": partition, "RowKey": write.key, **write.values}
    guarded = {"etag": write.etag, "match_condition": MatchConditions.IfNotModified} if write.etag else {}
    match write.act:
        case Act.CREATE:
            return ("create", entity)
        case Act.REPLACE:
            return ("update", entity, {"mode": UpdateMode.REPLACE, **guarded})
        case Act.PUT:
            return ("upsert", entity, {"mode": UpdateMode.REPLACE})
        case Act.DELETE:
            return ("delete", entity, guarded)


def _refusal(error: Any, writes: Sequence[Write]) -> Exception:
    code, index = str(getattr(error, "error_code", "")), getattr(error, "index", None)
    if "EntityAlreadyExists" in code and isinstance(index, int) and index < len(writes):
        return Exists(writes[index].key)
    if any(
        code_part in code for code_part in ("EntityAlreadyExists", "UpdateConditionNotSatisfied", "ResourceNotFound")
    ):
        return Conflict(code)
    if any(known in code for known in ("TooLarge", "TooManyProperties", "InvalidInput")):
        return LedgerRefused(_plain(error))
    return _failed(error)


_FOR_GOOD = frozenset({400, 405, 411, 413, 414, 415, 431})
"""Statuses of requests that will always fail. 401 and 403 are not among them: a right may still be granted."""


def _failed(error: AzureError) -> LedgerRefused | LedgerUnavailable:
    """The error for a failed request: `LedgerUnavailable` only if another try may succeed."""
    is_wrong = getattr(error, "status_code", None) in _FOR_GOOD
    return LedgerRefused(_plain(error)) if is_wrong else LedgerUnavailable(_plain(error))


def _plain(error: Exception) -> str:
    """The first line of an SDK error: the rest repeats request details that do not belong in a log."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:300] if str(error) else ''}"
