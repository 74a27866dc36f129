"""Lists: referrers over several pages, and tags where the registry keeps no times."""

import json
from collections.abc import Callable

import pytest

from slipway.effects.registry import (
    NotFound,
    TooLarge,
    Unsupported,
)
from slipway.testing.registry import Reply, Request, error
from tests.unit.effects.registry.conftest import Hostile
from tests.unit.effects.registry.hostile import Between
from tests.unit.effects.registry.layer import IMAGE, Client


def test_off_acr_the_last_tags_by_name_stand_for_the_newest(source: Between, client: Client) -> None:
    for number in range(1500):
        source.registry.tags["team/shop", f"{number:04}"] = IMAGE.digest

    tags = client(source).recent_tags("team/shop", 3)

    assert [(found.tag, found.digest, found.updated_at) for found in tags] == [
        (name, IMAGE.digest, None) for name in ("481", "1499", "1498")
    ]


def test_the_tags_of_no_repository_are_not_found(hostile: Hostile, client: Client) -> None:
    between = hostile()
    between.reply = lambda request, reply: error(404, "NAME_UNKNOWN")

    with pytest.raises(NotFound):
        client(between).recent_tags("team/none", 3)


def test_referrers_are_read_over_all_pages(source: Between, client: Client) -> None:
    source.reply = _paged(3)

    found = client(source).referrers("team/shop", IMAGE.digest)

    assert [each.size for each in found.listed] == [1, 2, 3]


def test_a_list_without_an_end_is_given_up(source: Between, client: Client) -> None:
    source.reply = _paged(10**6)

    with pytest.raises(TooLarge, match="at most 100 pages"):
        client(source).referrers("team/shop", IMAGE.digest)


def test_a_next_page_elsewhere_over_plain_http_is_not_asked_for(source: Between, client: Client) -> None:
    source.reply = _paged(3, "http://thief.example")

    with pytest.raises(Unsupported, match="next page: expected an https address"):
        client(source).referrers("team/shop", IMAGE.digest)


def _paged(pages: int, base: str = "") -> Callable[[Request, Reply], Reply]:
    def reply(request: Request, reply: Reply) -> Reply:
        page = int(request.query.get("page", "1"))
        descriptor = {"mediaType": IMAGE.media_type, "digest": IMAGE.digest, "size": page}
        link = {"Link": f'<{base}{request.path}?page={page + 1}>; rel="next"'} if page < pages else {}
        return Reply(status=200, headers=link, body=json.dumps({"manifests": [descriptor]}).encode())

    return reply
