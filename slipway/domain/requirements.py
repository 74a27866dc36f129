"""The requirements that an environment can place on an image before its rollout: signatures, an SBOM, provenance.

With a bundle they apply to the bundle and to each of its images; images from some repositories can have rules of their
own instead. Each requirement is one rule. This module only has the demands; `slipway/effects/supply_chain/` checks
whether they hold, and `decide` refuses a plan if they do not.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from .model import Duration, Record, one_or_several
from .patterns import matches_any
from .project import Pattern
from .rules import Rule
from .subjects import checked_identities

LONGEST_WAIT: Final = timedelta(hours=1)

_File = Annotated[str, Field(min_length=1, max_length=256)]
type NamedFile = tuple[tuple[str | int, ...], str]
"""The place of the field that names a file, and the file."""


class NotationRequirement(Record):
    """A Notation signature whose certificate leads to one of the roots and names one of the identities."""

    roots: tuple[_File, ...] = Field(
        min_length=1, max_length=10, description="Files with root certificates (PEM), inside the application's folder."
    )
    identities: tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...] = Field(
        min_length=1,
        max_length=20,
        description="Who may sign: the subject of the signing certificate, in whole or in part (at least C, ST and O), "
        'as in Notation\'s trust policy; or "*" for every certificate that leads to the roots.',
        examples=[["C=US, ST=WA, O=contoso.com, CN=release"]],
    )

    @model_validator(mode="after")
    def _identities_are_distinct(self) -> Self:
        checked_identities(self.identities)
        return self


class CosignRequirement(Record):
    """A cosign signature that was made with one key."""

    key: _File = Field(
        description="File with the public key (PEM: ECDSA P-256, RSA or Ed25519), inside the application's folder."
    )


class ProvenanceRequirement(Record):
    """SLSA provenance (v0.2 or v1) that names one of the builders."""

    builders: tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...] = Field(
        min_length=1, max_length=20, description="Builder ids, compared character by character."
    )
    key: _File | None = Field(
        default=None,
        description="File with the public key (PEM) that the provenance must be signed with. Without it an unsigned "
        "one counts too, as docker buildx attaches it: anybody who can push could have written it.",
    )


class TrustRules(Record):
    """The attachments that an artifact must have, and that must verify."""

    notation: NotationRequirement | None = Field(default=None, description="Rule signed-by-notation.")
    cosign: CosignRequirement | None = Field(default=None, description="Rule signed-by-cosign.")
    sbom: bool = Field(default=False, description="Rule has-sbom: an SPDX or CycloneDX document for every platform.")
    provenance: ProvenanceRequirement | None = Field(default=None, description="Rule built-by.")

    def rules(self) -> tuple[Rule, ...]:
        """The rules that are required, in the order in which they are shown."""
        return tuple(self._rules())

    def _rules(self) -> Iterator[Rule]:
        if self.notation:
            yield Rule.SIGNED_BY_NOTATION
        if self.cosign:
            yield Rule.SIGNED_BY_COSIGN
        if self.sbom:
            yield Rule.HAS_SBOM
        if self.provenance:
            yield Rule.BUILT_BY

    def own_files(self) -> Iterator[NamedFile]:
        """The files that these rules name, each with its field."""
        if self.notation:
            for index, root in enumerate(self.notation.roots):
                yield ("notation", "roots", index), root
        if self.cosign:
            yield ("cosign", "key"), self.cosign.key
        if self.provenance and self.provenance.key:
            yield ("provenance", "key"), self.provenance.key


class RulesOfImages(TrustRules):
    """Own rules for the images from some repositories."""

    of: Annotated[
        tuple[Pattern, ...],
        BeforeValidator(one_or_several, json_schema_input_type=Pattern | list[Pattern]),
        Field(min_length=1, max_length=50),
    ] = Field(description="The repositories, with *; one or several.", examples=["team/base/*"])

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.rules():
            raise ValueError("expected at least one of notation, cosign, sbom and provenance")
        return self


class Requirements(TrustRules):
    """The attachments that an image must have; none by default."""

    each: tuple[RulesOfImages, ...] = Field(
        default=(),
        max_length=20,
        description="With source: bundle: images of these repositories are held to these rules instead of those above. "
        "The first that names an image's repository counts.",
    )
    within: Duration = Field(
        default=timedelta(minutes=2),
        description="The time to wait for missing attachments: signatures are pushed after their image.",
    )

    @model_validator(mode="after")
    def _waits_not_too_long(self) -> Self:
        if self.within > LONGEST_WAIT:
            raise ValueError(f"within: expected at most {LONGEST_WAIT // timedelta(minutes=1)}m")
        return self

    def _rules(self) -> Iterator[Rule]:
        """The rules for any artifact."""
        rules = {*super()._rules(), *(rule for each in self.each for rule in each.rules())}
        yield from (rule for rule in Rule if rule in rules)

    def of_image(self, repository: str) -> TrustRules:
        """The rules for the images from one repository of a bundle."""
        matching = (each for each in self.each if matches_any(repository, each.of))
        return next(matching, self)

    def files(self) -> Iterator[NamedFile]:
        """Every file that the requirements name, each with its field."""
        yield from self.own_files()
        for index, each in enumerate(self.each):
            yield from ((("each", index, *field), name) for field, name in each.own_files())
