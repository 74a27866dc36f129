"""The page docs/reference/formats.md and the JSON Schemas beside it, made from the models.

`python -m scripts.reference.formats` prints a JSON object: each file's name, and its content. The examples in
docs/reference/formats/ are written by hand; a test reads each with its model and checks it against its schema.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from slipway.bundle.model import BundleConfig, Targets
from slipway.catalogue.sent import SentDocuments
from slipway.catalogue.stored import StoredDocument
from slipway.domain.audit import AuditRecord
from slipway.domain.chain_anchor import ChainAnchor
from slipway.domain.challenge import Challenge, Pending, UsedChallenge
from slipway.domain.envelopes import MAC_PATTERN, Envelope
from slipway.domain.fence import Fence
from slipway.domain.hints import Hint
from slipway.domain.inbox import InboxRow
from slipway.domain.looks import LookAnswer
from slipway.domain.model import DIGEST_PATTERN, NAME_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN
from slipway.domain.people import GUID_PATTERN
from slipway.domain.plan import Plan
from slipway.domain.proof import KeptProof, Proof
from slipway.domain.proposing import ChangePlan
from slipway.domain.runs import PublishedList
from slipway.domain.signing import KEY_ID_PATTERN, SIGNATURE_PATTERN
from slipway.domain.statement import StoredStatement
from slipway.domain.tokens import LinkToken
from slipway.http.sessions import Session
from slipway.inbound.approval_message import ChangeVoteMessage, CommandMessage, VoteMessage

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "docs/reference/formats"
MOST_NAMED: Final = 20
"""The most values of a field that its row names."""

type Schema = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format that parts of the system exchange with each other, or with people."""

    name: str
    title: str
    model: Any
    """A model or annotated type that pydantic knows."""
    written_by: str
    read_by: str
    says: str
    nulls: bool = False
    """Whether an unknown field is written as `null`, as in a document that is hashed with every field."""
    version: str = "v"
    """The field that says which version of the shape it is."""

    @property
    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.model)

    @property
    def schema(self) -> Schema:
        schema = self.adapter.json_schema(schema_generator=_Readable, by_alias=True, mode="validation")
        return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": self.title}

    @property
    def example(self) -> str:
        """The text of its example. Raises ValidationError if the model has changed and the example has not."""
        text = (ROOT / FOLDER / f"{self.name}.example.json").read_text(encoding="utf-8")
        self.adapter.validate_json(text)
        return text


class _Readable(GenerateJsonSchema):
    """pydantic's schema without the titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False


FORMATS = (
    Format(
        name="statement",
        title="Statement",
        model=StoredStatement,
        written_by="the front, when a person presses a button; the command line",
        read_by="the worker, and whoever verifies",
        says="A person's statement. Its canonical form is hashed, and the hash is the nonce of the sign-in that "
        "follows: `nonce = base64url(SHA-256(canonical form))`. Absent values are left out.",
    ),
    Format(
        name="proof",
        title="Proof",
        model=Proof,
        written_by="the front, on the way back from the identity provider",
        read_by="the worker",
        says="A statement, and the ID token of its author. The token's `nonce` is the statement's; the token is "
        "verified with the issuer's published keys alone.",
    ),
    Format(
        name="kept-proof",
        title="Kept proof",
        model=KeptProof,
        written_by="the worker, once it has verified a proof",
        read_by="the worker, before anything goes out; "
        "whoever [verifies](../how-to/verify-the-trail.md#the-proof-of-a-vote)",
        says="Everything needed to verify a proof years later, in the container `evidence` by its hash, which the "
        "record names as `proof`: that of the canonical form, without absent values. `keys` is the hash of the "
        "issuer's key set, which is kept too. It is shown to nobody before its token has expired.",
    ),
    Format(
        name="challenge",
        title="Challenge",
        model=Challenge,
        written_by="the front",
        read_by="the front",
        says="The pending statement in the table `challenges` while its author is at the identity provider; the row's "
        "key is the hash of `state`. It proves nothing, and the worker never decides by it.",
    ),
    Format(
        name="mark",
        title="Mark",
        model=UsedChallenge,
        written_by="the front, before it redeems the code",
        read_by="the front",
        says="The note that a challenge was answered, in the table `challenges` under the challenge's own hash: each "
        "later return leads to the page that follows the inbox row which it names.",
    ),
    Format(
        name="pending",
        title="Pending confirmation",
        model=Pending,
        written_by="the front",
        read_by="the front",
        says="A command, a change of the catalogue or the approval of one, as the API was given it, until a person "
        "confirms it in a browser; in the table `challenges`. It has no effect by itself: the person who confirms it "
        "makes a statement with a salt of its own.",
    ),
    Format(
        name="inbox",
        title="Inbox row",
        model=InboxRow,
        written_by="the front, which may only add",
        read_by="the worker, which answers by records and removes it",
        says="A person's statement in the table `inbox`, in the partition of the application. The row's own "
        "`Timestamp`, which the table service sets, is the only clock of its proof.",
    ),
    Format(
        name="link",
        title="Link token",
        model=LinkToken,
        written_by="the worker, in a message to one approver",
        read_by="the front, with public keys; the worker, before a vote by it counts",
        says="The purpose of a link: `base64url(canonical form).base64url(signature)`, the last part of its address. "
        "The signature is Ed25519 over the canonical form, by the key `kid`. One of purpose `show` leads to the page "
        "where people sign in; one of purpose `vote` is a vote for its holder, at a gate of level `link`.",
    ),
    Format(
        name="plan",
        title="Plan",
        model=Plan,
        written_by="the worker",
        read_by="whoever votes on it and whoever verifies; the worker, which does what it says and nothing else",
        says="The exact actions of a rollout in one environment, and the grounds for them, in the container `evidence` "
        "by its hash: that of the canonical form, which is the `plan` of votes and records. `foreign_images`, "
        "`injected`, `deletions`, `before`, `after`, `waivers`, `rollback` and `warnings` are left out where they are "
        "empty. The example has all of them.",
        nulls=True,
    ),
    Format(
        name="hint",
        title="Hint",
        model=Hint,
        written_by="the front, into the queue `hints`",
        read_by="the worker",
        says="Wakes the worker and decides nothing: a forged or lost one changes only the time at which the worker "
        "looks. It announces a row of the inbox, a run that ended, input that the front could not read and put into "
        "`incoming`, or a request that the front denied.",
    ),
    Format(
        name="envelope",
        title="Envelope",
        model=Envelope,
        written_by="the worker, into the queues `work` and `steps`",
        read_by="the worker",
        says="The worker's messages to itself. A message of these queues is believed by its MAC alone: HMAC-SHA-256 "
        "over the canonical form of all other fields, by a key that is derived from the signing key `kid`.",
        nulls=True,
    ),
    Format(
        name="look",
        title="Look",
        model=LookAnswer,
        written_by="the worker",
        read_by="the front, until `expires_at`",
        says="The worker's answer to a request to look at something that only it can reach. A row of the inbox of the "
        "kind `look` orders it.",
    ),
    Format(
        name="record",
        title="Audit record",
        model=AuditRecord,
        written_by="the worker",
        read_by="everybody",
        says="One line of the trail. Its hash and its signature are [explained](audit-format.md); the example's are "
        "true ones, by the key `example` of the test that reads it.",
        nulls=True,
    ),
    Format(
        name="anchor",
        title="Anchor",
        model=ChainAnchor,
        written_by="the worker, into a container where a blob is added and never changed",
        read_by="the worker, before anything goes out; whoever verifies",
        says="The end of a chain, which reveals a ledger that was put back to an earlier state. Its name is "
        "`chains/<chain>/<inverted epoch>-<inverted sequence>`, so the newest one comes first in a list. The "
        "signature is over its hash: that of the canonical form of all fields but `sig`.",
        nulls=True,
    ),
    Format(
        name="fence",
        title="Fence",
        model=Fence,
        written_by="the worker, into the annotation `slipway.dev/fence` of the Lease "
        "`slipway-<application>-<environment>` in the environment's namespace",
        read_by="the worker, before each object that it writes there",
        says="The rollout that may write there: the one with the highest order, by epoch and then by number. Each "
        "object has the order of the rollout that applied it in its annotation `slipway.dev/order`, such as `0.7`. An "
        "object that the rollout created has it in `slipway.dev/made` too, and its rollback deletes only such "
        "objects. The signature is over the fence's hash: that of the canonical form of all fields but `sig`. What "
        "follows from a Lease that is gone or was rewritten is in [decision 32](../decisions/0032-fence.md).",
        nulls=True,
    ),
    Format(
        name="session",
        title="Session",
        model=Session,
        written_by="the front",
        read_by="the front",
        says="The content of the cookie `__Host-session`, sealed with AES-256-GCM; the id of the key stands before it. "
        "It opens pages and nothing else. Times are seconds since 1970; without `groups` the person is in more than "
        "the cookie can hold, and counts as in none.",
    ),
    Format(
        name="approval",
        title="Message in approvals",
        model=VoteMessage | ChangeVoteMessage | CommandMessage,
        written_by="whoever may send to the queue `approvals`: the Teams flow, a bot, an operator",
        read_by="the worker",
        says="A vote, the rejection of a proposed change, or a command that stops something, on behalf of a person; at "
        "most 16 KiB. It has `decision` or `verb`; a rejection of a change names it in `change`. An approval counts "
        "at gates of level `queue` or `link`, and names `opening` and `plan`; a vote that stops something counts at "
        "any gate. The same `id` with the same content is a repeat.",
    ),
    Format(
        name="version",
        title="Version",
        model=StoredDocument,
        written_by="the worker, when an application or a project is applied",
        read_by="both roles; whoever verifies",
        says="An application or a project with its files, in the container `evidence` by its hash: that of the "
        "canonical form. A catalogue statement and the records of the change name versions by it.",
    ),
    Format(
        name="documents",
        title="Documents of a change",
        model=SentDocuments,
        written_by="the front, into the container `incoming`, where it may only add",
        read_by="the worker, which removes it once the change was answered",
        says="The versions that somebody applies together, until the worker has judged them; the inbox row names the "
        "hash. The salt makes each a blob of its own.",
    ),
    Format(
        name="change-plan",
        title="Plan of a change",
        model=ChangePlan,
        written_by="the worker, when a change weakens a gate of class production",
        read_by="whoever votes on it and whoever verifies; the worker, before the change takes force",
        says="The document that people vote on: the changes, the comparison of each, the gates in force, and the "
        "proposer. The hash of its canonical form is the `plan` of their statements.",
        nulls=True,
    ),
    Format(
        name="bundle",
        title="Bundle",
        model=BundleConfig,
        written_by="`slipway bundle build`, where CI runs",
        read_by="the worker, and `slipway bundle show`",
        says="`bundle.json`, the config of the artifact; [the whole artifact](bundle.md) has a page of its own.",
        version="schema",
    ),
    Format(
        name="targets",
        title="Targets",
        model=Targets,
        written_by="`slipway export --targets`; the team commits it",
        read_by="`slipway bundle build`",
        says="`targets.json`: the facts about each environment that rendering needs. A bundle holds the hash of its "
        "canonical form.",
    ),
    Format(
        name="published",
        title="What a run published",
        model=PublishedList,
        written_by="a step of the run, by `##vso[task.addattachment type=slipway]`",
        read_by="the worker, when it asks Azure DevOps about the run",
        says="At most 64 KiB, attached to the run by its task *Tell Slipway what was published*. One document in the "
        "last attempt counts; a second one, one of another task, or one that changed after it was proved contradicts "
        "it, and stops the release.",
    ),
)

_PATTERNS = {
    NAME_PATTERN: "name",
    DIGEST_PATTERN: "`sha256:` and 64 hexadecimal digits",
    REPOSITORY_PATTERN: "repository",
    TAG_PATTERN: "tag",
    GUID_PATTERN: "object id of Entra",
    KEY_ID_PATTERN: "id of a key",
    SIGNATURE_PATTERN: "64 bytes in base64",
    MAC_PATTERN: "32 bytes in base64url",
}

_START = """# Formats

The shapes on which the front, the worker, pipelines and people meet. Each has a field with its version. What is hashed
or signed is written as [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785) (JCS) says. A field that is not known is
refused in what comes from people and from CI; whoever reads our API ignores it. How a
trail is verified has [a page of its own](audit-format.md), and so have [queues and rights](rights.md).

The tables are made from the models; the JSON Schemas are the same for a machine.

| Format | Written by | Read by |
|---|---|---|
"""


def files() -> dict[str, str]:
    """Name and content of each file that is made."""
    schemas = {f"{FOLDER}/{format_.name}.schema.json": _json(format_.schema) for format_ in FORMATS}
    return {"docs/reference/formats.md": page(), **schemas}


def page() -> str:
    rows = "".join(
        f"| [{format_.title}](#{format_.name}) | {format_.written_by} | {format_.read_by} |\n" for format_ in FORMATS
    )
    documented: set[str] = set()
    return _START + rows + "\n" + "\n".join(_chapter(format_, documented) for format_ in FORMATS)


def _chapter(format_: Format, documented: set[str]) -> str:
    return (
        f"## {format_.title} {{ #{format_.name} }}\n\n{format_.says}\n\n"
        f"The field `{format_.version}` is its version. [JSON Schema](formats/{format_.name}.schema.json).\n\n"
        f"```json\n{format_.example.strip()}\n```\n\n" + "\n".join(_tables(format_.schema, documented))
    )


def _tables(schema: Schema, documented: set[str]) -> Iterator[str]:
    """The fields of each object, the outermost first; without those that an earlier chapter showed."""
    definitions: dict[str, Schema] = schema.get("$defs", {})
    outermost = {"": schema} if "properties" in schema else {}
    for name, definition in {**outermost, **definitions}.items():
        if "properties" not in definition or name in documented:
            continue
        documented |= {name} if name else set()
        heading = f"**{name}**: {_line(definition.get('description', ''))}\n\n" if name else ""
        fields = "".join(
            f"| `{field}` | {_kind(shape, definitions)} | {'yes' if field in definition.get('required', ()) else ''} "
            f"| {_line(shape.get('description', ''))} |\n"
            for field, shape in definition["properties"].items()
        )
        yield f"{heading}| Field | Value | Required | Meaning |\n|---|---|---|---|\n{fields}"


def _kind(shape: Schema, definitions: dict[str, Schema]) -> str:
    if "$ref" in shape:
        name = shape["$ref"].rpartition("/")[2]
        return name if "properties" in definitions[name] else _kind(definitions[name], definitions)
    if alternatives := shape.get("anyOf") or shape.get("oneOf"):
        return " or ".join(
            _kind(alternative, definitions) for alternative in alternatives if alternative.get("type") != "null"
        )
    if "const" in shape:
        return f"`{shape['const']}`"
    if choices := shape.get("enum"):
        return ", ".join(f"`{value}`" for value in choices) if len(choices) <= MOST_NAMED else "one of the schema's"
    match shape.get("type"):
        case "array":
            return f"list of {_kind(shape.get('items', {}), definitions)}"
        case "object":
            return "object"
        case "integer":
            return "whole number"
        case "boolean":
            return "`true` or `false`"
        case "string":
            return _text_kind(shape)
    return "any"


def _text_kind(shape: Schema) -> str:
    if shape.get("format") == "date-time":
        return "time"
    if pattern := shape.get("pattern"):
        return _PATTERNS.get(pattern, "text, its pattern is in the schema")
    most = shape.get("maxLength")
    return f"text, at most {most} characters" if most else "text"


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _json(value: Schema) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    json.dump(files(), sys.stdout, ensure_ascii=False)
