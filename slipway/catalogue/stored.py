"""The stored form of a document; the hash of a version is the hash of this form.

It contains the document's value and the files that the application names, so a version never changes and needs nothing
else. Comments and the order of fields are not part of it: the same content applied again is the same version.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import yaml
from pydantic import Field, JsonValue, ValidationError

from ..domain.model import Record, canonical
from ..domain.versions import Subject, SubjectKind
from ..manifests.documents import Document
from ..manifests.problems import ConfigError, Problem
from .files import MOST_FILES, Files
from .finding import MODELS
from .validation import in_field_order

Path = Annotated[str, Field(min_length=1, max_length=512)]


class StoredDocument(Record):
    """A document and its files."""

    v: Literal[1] = 1
    kind: SubjectKind
    value: dict[str, JsonValue]
    files: dict[Path, str] = Field(default={}, max_length=MOST_FILES)

    @property
    def subject(self) -> Subject:
        """Raises ValueError if the document has no proper name."""
        return Subject.model_validate({"kind": self.kind, "name": self.value.get(str(self.kind))})

    @property
    def content(self) -> bytes:
        """The one byte form, which is hashed."""
        return canonical(self.model_dump(mode="json"))

    @property
    def document(self) -> Document:
        """As a document whose values have no lines."""
        return Document(file=f"{self.kind}.yaml", value=self.value, positions={})

    @property
    def beside(self) -> Files:
        return Files(document=f"{self.kind}.yaml", contents=self.files)

    @property
    def holds_secrets(self) -> bool:
        """Whether a file is, or may be, a Secret, whose values not every reader may see."""
        return any(map(may_be_secret, self.files.values()))

    def exported(self) -> Mapping[str, str]:
        """The files that give this version when they are applied."""
        value = in_field_order(self.value, MODELS[self.kind.value])
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
        return {f"{self.kind}.yaml": text, **self.files}


_SECRET = re.compile(r"""["']?\bkind["']?\s*:\s*["']?Secret\b""")


def may_be_secret(text: str) -> bool:
    """Whether the text contains a manifest of kind Secret. If in doubt, it says yes."""
    return _SECRET.search(text) is not None


def read_stored(content: bytes) -> StoredDocument:
    """Raises ConfigError if it is not a stored document."""
    try:
        return StoredDocument.model_validate_json(content)
    except ValidationError as error:
        raise ConfigError([Problem(file="the stored version", message=f"cannot be read: {error}"[:500])]) from None
