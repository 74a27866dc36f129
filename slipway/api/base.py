"""Reading and writing the models."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..domain.reports import NotShown

IDEMPOTENCY = (
    "Idempotency key: milliseconds since 1970 (13 digits), a dash and 16 random hexadecimal digits. A repeated request "
    "with the same value takes effect once. By default one is made."
)


class ApiModel(BaseModel):
    """Base of the answers. Clients ignore unknown fields, so fields can be added."""

    model_config = ConfigDict(defer_build=True, frozen=True)


class ApiAnswer(ApiModel):
    """Base of an endpoint's whole answer."""

    v: int = Field(default=1, description="Version of this shape.")


class ApiList(ApiAnswer):
    """Base of an endpoint's answer about several applications."""

    not_shown: tuple[NotShown, ...] = Field(
        default=(), description="What is missing in this answer, as it cannot be read; the rest is complete."
    )


def read[T: BaseModel](kind: type[T], content: Any) -> T:
    """Parse the content as the model, ignoring unknown fields at any depth. Raises `ValidationError`."""
    return kind.model_validate(content, extra="ignore")


def body_of(request: BaseModel) -> dict[str, Any]:
    """The request body: the fields that were set, not validated, because the app's error messages are better."""
    return request.model_dump(mode="json", exclude_unset=True, warnings=False)
