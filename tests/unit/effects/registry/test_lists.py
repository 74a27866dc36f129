"""Lists: referrers over several pages, and tags in a registry that keeps no times."""

import json
from collections.abc import Callable

import pytest

from slipway.effects.registry import (
    Denied,
    NotInRegistry,
    RegistryError,
    Throttled,
    TooLarge,
    Unreachable,
    Unsupported,
)
from slipway.testing.artifacts import OCI_INDEX, ArtifactDouble, index
from slipway.testing.registry import RegistryReply, Request, error
from tests.unit.effects.registry.conftest import Hostile
from tests.unit.effects.registry.hostile import FaultyRegistry
from tests.unit.effects.registry.layer import IMAGE, Client
from tests.unit.effects.registry.pairs import TWO_PLATFORMS


def test_off_acr_the_last_tags_by_name_stand_for_the_newest(source: FaultyRegistry, client: Client) -> None:
    for number in range(1500):
        source.registry.tags["team/shop", f"{number:04}"] = IMAGE.digest

    tags = client(source).recent_tags("team/shop", 3)

    assert [(listed.tag, listed.digest, listed.updated_at) for listed in tags] == [
        (name, IMAGE.digest, None) for name in ("481", "1499", "1498")
    ]


def test_the_tags_of_a_missing_repository_are_not_found(hostile: Hostile, client: Client) -> None:
    faulty = hostile()
    faulty.reply = lambda request, reply: error(404, "NAME_UNKNOWN")

    with pytest.raises(NotInRegistry):
        client(faulty).recent_tags("team/none", 3)


def test_referrers_are_read_over_all_pages(source: FaultyRegistry, client: Client) -> None:
    source.reply = _paged(3)

    referrers = client(source).referrers("team/shop", IMAGE.digest)

    assert [descriptor.size for descriptor in referrers.listed] == [1, 2, 3]


def test_a_list_without_an_end_is_given_up(source: FaultyRegistry, client: Client) -> None:
    source.reply = _paged(10**6)

    with pytest.raises(TooLarge, match="at most 100 pages, the registry has more; that limit is Slipway's own"):
        client(source).referrers("team/shop", IMAGE.digest)


def test_a_next_page_elsewhere_over_plain_http_is_not_asked_for(source: FaultyRegistry, client: Client) -> None:
    source.reply = _paged(3, "http://thief.example")

    with pytest.raises(Unsupported, match="next page: expected an https address"):
        client(source).referrers("team/shop", IMAGE.digest)


NO_API = {
    **{str(status): RegistryReply(status=status, body=b"nope") for status in (400, 405, 406, 410, 501)},
    "a redirect": RegistryReply(status=302, headers={"Location": "https://ui.example/"}),
    "a page": RegistryReply(status=200, headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<html>"),
    "no type at all": RegistryReply(status=200, body=b"{}"),
}


@pytest.mark.parametrize("answer", NO_API.values(), ids=NO_API.keys())
def test_an_answer_that_is_no_list_of_referrers_leads_to_their_tag_and_is_noted(
    source: FaultyRegistry, client: Client, answer: RegistryReply
) -> None:
    source.registry.seed("team/shop", index(IMAGE), IMAGE.digest.replace(":", "-"))
    source.reply = lambda request, reply: answer if "/referrers/" in request.path else reply

    referrers = client(source).referrers("team/shop", IMAGE.digest)

    assert ([descriptor.digest for descriptor in referrers.listed], referrers.by_registry) == ([IMAGE.digest], False)
    assert "when asked for referrers, so their list is looked for under a tag" in referrers.note


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(error(403, "DENIED"), Denied), (RegistryReply(status=429), Throttled), (RegistryReply(status=503), Unreachable)],
)
def test_a_refused_or_failed_request_is_not_taken_for_a_missing_referrers_api(
    source: FaultyRegistry, client: Client, answer: RegistryReply, kind: type[RegistryError]
) -> None:
    source.reply = lambda request, reply: answer if "/referrers/" in request.path else reply

    with pytest.raises(kind):
        client(source).referrers("team/shop", IMAGE.digest)


def test_a_list_that_breaks_off_is_an_error(source: FaultyRegistry, client: Client) -> None:
    paged = _paged(3)
    source.reply = lambda request, reply: error(404, "X") if "page=2" in request.url else paged(request, reply)

    with pytest.raises(NotInRegistry, match="listing referrers was answered with 404"):
        client(source).referrers("team/shop", IMAGE.digest)


def test_a_list_that_cannot_be_read_is_an_error(source: FaultyRegistry, client: Client) -> None:
    invalid_list = RegistryReply(status=200, headers={"Content-Type": OCI_INDEX}, body=b'{"manifests": [{}]}')
    source.reply = lambda request, reply: invalid_list if "/referrers/" in request.path else reply

    with pytest.raises(Unsupported, match=r"manifests\.0"):
        client(source).referrers("team/shop", IMAGE.digest)


@pytest.mark.parametrize(
    ("artifact", "expected"),
    [
        pytest.param(IMAGE, "expected the list of referrers to be", id="an image"),
        pytest.param(TWO_PLATFORMS, "got the artifact that it would be of", id="an index (oras-project/oras-go#1396)"),
    ],
)
def test_a_list_tag_that_names_the_artifact_itself_is_no_list_and_is_noted(
    source: FaultyRegistry, client: Client, artifact: ArtifactDouble, expected: str
) -> None:
    source.registry.referrers_api = False
    digest = source.registry.seed("team/shop", artifact)
    source.registry.tags["team/shop", digest.replace(":", "-")] = digest

    referrers = client(source).referrers("team/shop", digest)

    assert (referrers.listed, referrers.tag_is_taken) == ((), True)
    assert expected in referrers.note


def _paged(pages: int, base: str = "") -> Callable[[Request, RegistryReply], RegistryReply]:
    def reply(request: Request, reply: RegistryReply) -> RegistryReply:
        page = int(request.query.get("page", "1"))
        descriptor = {"mediaType": IMAGE.media_type, "digest": IMAGE.digest, "size": page}
        headers = {"Content-Type": OCI_INDEX}
        if page < pages:
            headers["Link"] = f'<{base}{request.path}?page={page + 1}>; rel="next"'
        return RegistryReply(status=200, headers=headers, body=json.dumps({"manifests": [descriptor]}).encode())

    return reply
