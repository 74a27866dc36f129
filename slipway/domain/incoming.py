"""Base models of foreign input. Unknown fields are accepted, because senders add some; the content is not trusted
yet."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError("expected a time within the years 1 to 9999") from error


Time = Annotated[datetime, AfterValidator(_in_utc)]
"""A timestamp from another system; without a zone it is taken as UTC."""


class ForeignModel(BaseModel):
    """Base of the models of foreign events; unknown fields are ignored."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_nothing(cls, value: Any) -> Any:
        """Treat null like a missing field: senders use either for unknown values."""
        if isinstance(value, dict):
            return {name: item for name, item in value.items() if item is not None}
        return value
