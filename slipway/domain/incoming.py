"""Bases of what others send: read leniently, as senders add fields, and believed by nobody yet."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError("expected a time within the years 1 to 9999") from error


Time = Annotated[datetime, AfterValidator(_in_utc)]
"""A time as others write it; without a zone, it is meant in UTC."""


class Incoming(BaseModel):
    """Base of the models of foreign events: fields that we do not know are none of our business."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_nothing(cls, value: Any) -> Any:
        """Some senders write what they do not know as null, others leave it out."""
        if isinstance(value, dict):
            return {name: item for name, item in value.items() if item is not None}
        return value
