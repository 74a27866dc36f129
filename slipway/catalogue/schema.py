"""The JSON Schema of delivery.yaml, for editors and other tools: `python -m slipway.catalogue.schema`.

It is generated from the models, so the two cannot disagree. Whatever pydantic accepts, the schema accepts;
rules between fields (a pipeline is needed when start is run) are checked by loading alone.
"""

import json
import sys
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from slipway.domain.application import Application
from slipway.domain.model import Duration

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)


class _Readable(GenerateJsonSchema):
    """pydantic's schema without the titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False

    def encode_default(self, dft: Any) -> Any:
        """Defaults in the notation of delivery.yaml: a duration is `24h`, not in ISO format."""
        return _DURATION.dump_python(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def delivery_schema() -> dict[str, Any]:
    """The schema as a JSON value."""
    schema = Application.model_json_schema(schema_generator=_Readable)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **schema,
        "title": "A delivery.yaml of Slipway",
    }


def schema_text() -> str:
    """The content of docs/reference/delivery.schema.json."""
    return json.dumps(delivery_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
