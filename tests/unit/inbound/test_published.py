"""Which document of a run counts, whatever its tasks attached, and that only a whole one is read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.run_source import Attachment, TimelineRecord
from slipway.domain.runs import Fact, Trust
from slipway.inbound.published import DOCUMENT_LIMIT, PUBLISHING_TASK, PublishedDocument, document_of, read_document
from tests.examples import times

GOOD: dict[str, Any] = {
    "v": 1,
    "kind": "image",
    "registry": "contoso.azurecr.io",
    "repository": "team/shop",
    "digest": "sha256:" + "a" * 64,
}
NAMES = st.sampled_from([PUBLISHING_TASK, "Run the tests", PUBLISHING_TASK.lower(), f" {PUBLISHING_TASK}"])
RECORDS = st.lists(
    st.builds(
        TimelineRecord,
        id=st.sampled_from(["a", "b", "c"]),
        parent=st.none(),
        type=st.sampled_from(["Task", "Job"]),
        name=NAMES,
        attempt=st.integers(1, 3),
        result=st.just("succeeded"),
    ),
    unique_by=lambda record: record.id,
    max_size=3,
)
ATTACHED = st.lists(
    st.builds(
        Attachment, name=st.just("x.json"), timeline=st.just("t"), record=st.sampled_from(["a", "b", "c", "gone"])
    ),
    max_size=4,
)


@times(2)
@given(attached=ATTACHED, records=RECORDS)
def test_a_document_counts_only_if_it_is_the_only_one_and_of_the_publishing_task(
    attached: list[Attachment], records: list[TimelineRecord]
) -> None:
    document = document_of(attached, records)
    by_id = {record.id: record for record in records}
    last = [by_id[attachment.record] for attachment in attached if attachment.record in by_id]
    if len(last) == 1 and (last[0].type, last[0].name) == ("Task", PUBLISHING_TASK):
        assert not isinstance(document, Fact)
        assert document[1] == last[0]
    else:
        assert isinstance(document, Fact)
        assert document.trust is (Trust.CONTRADICTED if last else Trust.NOT_PROVED)


@times(2)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_reading_any_published_content_raises_nothing(content: bytes) -> None:
    assert isinstance(read_document(content), PublishedDocument | Fact)


@times(2)
@given(field=st.sampled_from(sorted(GOOD)), value=st.none() | st.integers() | st.text(max_size=20) | st.just([]))
def test_a_document_with_a_wrong_field_is_not_proved(field: str, value: Any) -> None:
    document = read_document(json.dumps(GOOD | {field: value}).encode())
    if isinstance(document, PublishedDocument):
        assert json.loads(document.content.model_dump_json())[field] == value
    else:
        assert document.trust is Trust.NOT_PROVED


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_each_field_is_needed(missing: str) -> None:
    document = read_document(json.dumps({name: value for name, value in GOOD.items() if name != missing}).encode())
    assert isinstance(document, Fact)
    assert missing in document.why


def test_a_document_has_its_limit() -> None:
    content = json.dumps(GOOD).encode()
    assert isinstance(read_document(content + b" " * (DOCUMENT_LIMIT - len(content))), PublishedDocument)
    assert isinstance(read_document(content + b" " * (DOCUMENT_LIMIT - len(content) + 1)), Fact)
