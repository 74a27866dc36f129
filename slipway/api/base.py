"""Reading and writing the models."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Base of the answers. More fields may come: clients pass over those that they do not know."""

    model_config = ConfigDict(frozen=True)


def read[T: BaseModel](kind: type[T], content: Any) -> T:
    """The content as the model, whatever else it holds, at any depth. Raises `ValidationError`."""
    return kind.model_validate(content, extra="ignore")


def body_of(request: BaseModel) -> dict[str, Any]:
    """What a client sends: the fields that it set. They are checked by the app, which says what is wrong with them."""
    return request.model_dump(mode="json", exclude_unset=True, warnings=False)
