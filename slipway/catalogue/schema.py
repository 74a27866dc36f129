"""The JSON Schemas of projects and applications, for editors: `python -m slipway.catalogue.schema application`.

They are generated from the models, so the two cannot disagree. The schema accepts everything that pydantic accepts;
only `checking.py` checks rules between fields (such as: a pipeline is needed when start is run).
"""

import json
import sys
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from slipway.domain.model import Duration

from .finding import MODELS, Kind

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)


class _Readable(GenerateJsonSchema):
    """pydantic's schema without the titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False

    def encode_default(self, dft: Any) -> Any:
        """Defaults in the notation of documents: a duration is `24h`, not in ISO format."""
        return _DURATION.dump_python(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def schema_of(kind: Kind) -> dict[str, Any]:
    """The schema as a JSON value."""
    schema = MODELS[kind].model_json_schema(schema_generator=_Readable)
    article = "An" if kind == "application" else "A"
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": f"{article} {kind} of Slipway"}


def schema_text(kind: Kind) -> str:
    """The content of docs/reference/<kind>.schema.json."""
    return json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (kind,) = (name for name in MODELS if name in sys.argv[1:])
    sys.stdout.write(schema_text(kind))
