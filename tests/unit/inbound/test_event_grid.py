"""Pushes to a registry: what counts, what is ignored, what is wrong, in both of Event Grid's schemas."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from slipway.domain.events import ImagePushed
from slipway.inbound import BadInput, Ignored, parse_image_event, registry_event
from tests.unit.inbound.samples import DIGEST, NOTHING, NOW, OPTIONAL, PUSH, RESOURCE_ID, SOURCES, changed

PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
EVENT_TIME = datetime(2026, 11, 22, 21, 39, 50, tzinfo=UTC)


def parse(
    data: Any = PUSH, *, type: Any = PUSHED, source: Any = RESOURCE_ID, time: datetime | None = EVENT_TIME
) -> ImagePushed:
    return parse_image_event(registry_event(type=type, source=source, time=time, data=data), SOURCES, now=NOW)


def test_a_push_becomes_an_event() -> None:
    assert parse() == ImagePushed(
        received_at=NOW,
        registry="nonprod",
        repository="team/shop",
        digest=DIGEST,
        tag="1.4.2",
        media_type="application/vnd.oci.image.index.v1+json",
        pushed_at=datetime(2026, 11, 22, 21, 39, 47, 654961, tzinfo=UTC),
    )


@pytest.mark.parametrize("schema", ["Event Grid's", "CloudEvents"])
def test_an_event_is_read_as_event_grid_delivers_it_to_a_queue(schema: str) -> None:
    time = EVENT_TIME.isoformat()
    event = {"id": "e-1", "subject": "shop:1.4.2", "data": PUSH}
    if schema == "CloudEvents":
        event |= {"specversion": "1.0", "type": PUSHED, "source": RESOURCE_ID, "time": time}
    else:
        event |= {"eventType": PUSHED, "topic": RESOURCE_ID, "eventTime": time, "dataVersion": "1.0"}
    assert parse_image_event(json.dumps(event).encode(), SOURCES, now=NOW) == parse()


def test_every_optional_field_may_come_or_be_missing() -> None:
    event = parse(changed(PUSH, **OPTIONAL))
    assert event.actor == "ci-push-token"
    bare = parse(
        {"target": {k: PUSH["target"][k] for k in ("digest", "repository", "tag")}, "request": PUSH["request"]}
    )
    assert event.evolve(actor="") == parse()
    assert event.mark == parse().mark
    assert (bare.media_type, bare.pushed_at) == ("", EVENT_TIME)


@pytest.mark.parametrize("field", ["timestamp", "action", "actor", "source", "target__mediaType"])
def test_a_field_that_is_null_counts_as_missing(field: str) -> None:
    assert parse(changed(PUSH, **{field: None})) == parse(changed(PUSH, **{field: NOTHING}))


@pytest.mark.parametrize(
    ("timestamp", "microsecond"),
    [
        ("2026-11-22T21:39:47.654961412Z", 654961),
        ("2026-11-22T21:39:47.6549614Z", 654961),
        ("2026-11-22T21:39:47.6Z", 600000),
        ("2026-11-22T21:39:47Z", 0),
        ("2026-11-22T22:39:47+01:00", 0),
        ("2026-11-22T21:39:47", 0),
    ],
)
def test_times_are_read_whatever_their_fraction(timestamp: str, microsecond: int) -> None:
    pushed = parse(changed(PUSH, timestamp=timestamp)).pushed_at
    assert pushed == datetime(2026, 11, 22, 21, 39, 47, microsecond, tzinfo=UTC)


def test_the_time_of_the_push_is_the_registrys_then_event_grids_then_ours() -> None:
    untimed = changed(PUSH, timestamp=NOTHING)
    in_another_zone = EVENT_TIME.astimezone(timezone(timedelta(hours=-8)))
    assert parse(untimed, time=in_another_zone).pushed_at == EVENT_TIME
    assert parse(untimed, time=EVENT_TIME.replace(tzinfo=None)).pushed_at == EVENT_TIME
    assert parse(untimed, time=None).pushed_at == NOW
    assert parse(untimed, time=NOW + timedelta(days=1)).pushed_at == NOW


@pytest.mark.parametrize("timestamp", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "soon", {}, 1e400])
def test_an_invalid_time_is_refused_by_the_name_of_its_field(timestamp: Any) -> None:
    with pytest.raises(BadInput) as refused:
        parse(changed(PUSH, timestamp=timestamp))
    assert refused.value.field in ("data.timestamp", "body")


@pytest.mark.parametrize(
    "type", ["Microsoft.ContainerRegistry.ImageDeleted", "Microsoft.ContainerRegistry.ChartPushed", "", "x" * 5000]
)
def test_other_events_are_ignored(type: str) -> None:
    with pytest.raises(Ignored) as ignored:
        parse({"anything": "else"}, type=type)
    assert len(str(ignored.value)) < 200


@pytest.mark.parametrize("tag", [NOTHING, None, ""])
def test_children_of_a_multi_platform_image_are_ignored(tag: Any) -> None:
    with pytest.raises(Ignored, match=r"team/shop was pushed without a tag"):
        parse(changed(PUSH, target__tag=tag, target__mediaType="application/vnd.oci.image.manifest.v1+json"))


@pytest.mark.parametrize("suffix", ["", ".sig", ".att", ".sbom"])
def test_signatures_and_sboms_are_ignored(suffix: str) -> None:
    with pytest.raises(Ignored, match=r"signature or an SBOM"):
        parse(changed(PUSH, target__tag=f"sha256-{DIGEST[7:]}{suffix}"))


def test_the_registrys_host_is_found_whatever_its_case() -> None:
    assert parse(changed(PUSH, request__host="Contoso.azurecr.IO")).registry == "nonprod"


@pytest.mark.parametrize("host", ["contoso.azurecr.io:443", "contoso.azurecr.io.", NOTHING, ""])
def test_the_registry_is_known_by_its_topic_however_the_event_spells_its_host(host: Any) -> None:
    assert parse(changed(PUSH, request__host=host)).registry == "nonprod"


def test_a_push_without_a_request_is_known_by_its_topic() -> None:
    assert parse(changed(PUSH, request=NOTHING)).registry == "nonprod"


@pytest.mark.parametrize("host", ["evil.azurecr.io", "contoso.azurecr.io.evil.example", "open.azurecr.io"])
def test_an_event_whose_host_is_not_that_of_its_topic_is_refused(host: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse(changed(PUSH, request__host=host))
    assert refused.value.field == "data.request.host"
    assert "contoso.azurecr.io, the registry of the topic" in str(refused.value)


@pytest.mark.parametrize("host", ["evil.azurecr.io", "", "open.azurecr.io.evil.example"])
def test_a_registry_that_nobody_set_up_is_refused_by_name(host: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse(changed(PUSH, request__host=host), source="anything")
    assert refused.value.field == "data.request.host"
    assert "contoso.azurecr.io, open.azurecr.io" in str(refused.value)


@pytest.mark.parametrize("action", ["delete", "quarantine", "chart_push", "pull", ""])
def test_an_event_whose_action_is_not_a_push_starts_nothing(action: str) -> None:
    with pytest.raises(Ignored, match=r"is not a push"):
        parse(changed(PUSH, action=action))


@pytest.mark.parametrize("source", ["", RESOURCE_ID + "2", "/subscriptions/other", RESOURCE_ID[:-1]])
def test_an_event_of_a_foreign_topic_is_refused(source: str) -> None:
    with pytest.raises(BadInput, match=r"^topic: expected the registry nonprod of this installation"):
        parse(source=source)


def test_resource_ids_are_compared_as_azure_does_without_case() -> None:
    assert parse(source=RESOURCE_ID.upper()).registry == "nonprod"


def test_a_registry_without_a_resource_id_takes_events_of_any_topic() -> None:
    assert parse(changed(PUSH, request__host="open.azurecr.io"), source="anything").registry == "open"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target__digest", "sha256:" + "A" * 64),
        ("target__digest", "sha256:" + "a" * 63),
        ("target__digest", DIGEST + "\n"),
        ("target__digest", "sha512:" + "a" * 128),
        ("target__digest", NOTHING),
        ("target__digest", 7),
        ("target__repository", "Team/Shop"),
        ("target__repository", "../shop"),
        ("target__repository", "team//shop"),
        ("target__repository", "shop\n"),
        ("target__repository", "a" * 256),
        ("target__repository", "a" + "-" * 2_000_000 + "!"),
        ("target__repository", NOTHING),
        ("target__tag", "-1"),
        ("target__tag", "a" * 129),
        ("target__tag", "1.0 "),
        ("target__tag", "1.0\n"),
        ("target__tag", "ünï"),
        ("target__tag", ["1.0"]),
        ("target", "shop"),
        ("target", NOTHING),
    ],
)
def test_a_wrong_field_is_named_in_a_short_message(field: str, value: Any) -> None:
    with pytest.raises(BadInput) as refused:
        parse(changed(PUSH, **{field: value}))
    assert refused.value.field in ("data." + field.replace("__", "."), "body")
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("data", [None, [], "text", 7, {}])
def test_data_of_another_kind_is_refused(data: Any) -> None:
    with pytest.raises(BadInput, match=r"^data"):
        parse(data)


@pytest.mark.parametrize(("field", "value"), [("type", 7), ("type", None), ("source", {"id": 1})])
def test_an_envelope_of_another_kind_is_refused(field: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"^{field}: expected "):
        parse(**{field: value})


def test_an_event_that_is_nested_too_deeply_is_kept_without_its_data() -> None:
    nested: list[Any] = []
    for _ in range(200_000):
        nested = [nested]
    event = registry_event(type=PUSHED, source=RESOURCE_ID, time=None, data=nested)
    with pytest.raises(BadInput, match=r"^data: expected a JSON object, got '\(nested too deeply to be kept\)'$"):
        parse_image_event(event, SOURCES, now=NOW)
