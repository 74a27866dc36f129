"""The double as a process of its own, with a story put in from outside."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest
import urllib3

from local.azuredevops import Delivery, Ending, Organization, Seeding, Somebody, Strategy, deliver, finish
from local.azuredevops.access import Tenant
from local.azuredevops.organization import TENANT
from local.process import Part, PartFailed, python
from tests.serving import in_a_thread

from .support import PUBLISHED, WORKER

TOLD = Delivery(
    title="A cart",
    author=Somebody(name="Ada", mail="ada@example.com"),
    completer=Somebody(name="Ben", mail="ben@example.com", oid="aaaaaaaa-0000-4000-8000-000000000002"),
    publishes=PUBLISHED,
)


def test_a_story_gives_the_ids_that_can_be_asked_for() -> None:
    organization = Organization()
    done = deliver(organization, TOLD)
    project = organization.project()
    run = project.runs[done.run]
    assert (run.commit.id, run.pipeline.id, run.requested_for.name) == (done.commit, done.definition, "Ben")
    assert run.attachments[0].record == done.attachment
    assert project.repository("shop").pull_requests[done.pull_request or 0].created_by.name == "Ada"


def test_a_second_story_follows_the_first_in_the_same_places() -> None:
    organization = Organization()
    first, second = deliver(organization, TOLD), deliver(organization, TOLD.model_copy(update={"title": "More"}))
    assert (first.definition, first.project) == (second.definition, second.project)
    assert second.run == first.run + 1
    repository = organization.project().repository("shop")
    assert [commit.id for commit in repository.between(first.commit, second.commit)] == [second.commit]


def test_a_story_without_a_pull_request_was_pushed_by_its_author() -> None:
    organization = Organization()
    done = deliver(organization, TOLD.model_copy(update={"completer": None, "publishes": None}))
    run = organization.project().runs[done.run]
    assert (run.requested_for.name, done.pull_request, done.attachment) == ("Ada", None, None)


def test_a_run_can_go_on_until_its_image_is_built() -> None:
    organization = Organization()
    begun = deliver(organization, TOLD.model_copy(update={"ends": False, "publishes": None}))
    run = organization.project().runs[begun.run]
    assert (run.status, run.result, run.attachments) == ("inProgress", None, [])
    ended = finish(organization, Ending(project=begun.project, run=begun.run, publishes=PUBLISHED))
    assert (run.status, run.result) == ("completed", "succeeded")
    assert ended.attachment == run.attachments[0].record
    with pytest.raises(ValueError, match="no run"):
        finish(organization, Ending(project=begun.project, run=begun.run))


def test_a_story_can_claim_somebody_else() -> None:
    organization = Organization()
    update = {"claims": Somebody(name="Grace", mail="grace@example.com"), "strategy": Strategy.REBASE}
    done = deliver(organization, TOLD.model_copy(update=update))
    commit = organization.project().repository("shop").commits[done.commit]
    assert (commit.author.email, commit.committer.email) == ("grace@example.com", "ben@example.com")


def test_the_process_takes_stories_and_tokens_whose_keys_it_fetches(tmp_path: Path) -> None:
    tenant = Tenant(TENANT)
    kid = jwt.get_unverified_header(tenant.token(WORKER))["kid"]
    key = tenant.keys(kid)
    assert key is not None
    told = {**jwt.algorithms.RSAAlgorithm.to_jwk(key.key, as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": [told]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    keys = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    settings: dict[str, object] = {
        "keys_url": f"http://127.0.0.1:{keys.server_port}/keys",
        "readers": [{"oid": WORKER}],
    }
    with in_a_thread(keys):
        part = _start(tmp_path, settings)
        try:
            ready = part.ready()
            seeding = Seeding(ready["url"])
            done = seeding.deliver(TOLD.model_copy(update={"ends": False}))
            assert seeding.finish(Ending(project=done.project, run=done.run, publishes=PUBLISHED)).attachment
            path = f"{ready['url']}/contoso/{done.project}/_apis/build/builds/{done.run}?api-version=7.1"
            for token, status in ((tenant.token(WORKER), 200), (Tenant(TENANT).token(WORKER), 203)):
                answer = urllib3.request("GET", path, headers={"Authorization": f"Bearer {token}"}, retries=False)
                assert answer.status == status
            bearer = {"Authorization": f"Bearer {tenant.token(WORKER)}"}
            for stopped, status in ((True, 503), (False, 200)):
                seeding.stopped(yes=stopped)
                assert urllib3.request("GET", path, headers=bearer, retries=False).status == status
        finally:
            part.stop()


def test_a_story_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    part = _start(tmp_path, {})
    try:
        url = part.ready()["url"]
        answer = urllib3.request("POST", f"{url}/local/deliveries", json={**TOLD.model_dump(mode="json"), "colour": 1})
        assert answer.status == 400
        assert "colour" in answer.json()["message"]
    finally:
        part.stop()


def test_bad_settings_end_the_process_with_what_is_wrong(tmp_path: Path) -> None:
    part = _start(tmp_path, {"keys_url": "https://elsewhere.example/keys"})
    with pytest.raises(PartFailed, match="keys_url"):
        part.ready()
    part.stop()


def _start(folder: Path, settings: dict[str, object]) -> Part:
    file = folder / "azuredevops.json"
    file.write_text(json.dumps(settings))
    command = python("local.azuredevops", "--config", str(file), "--stop-with-parent")
    return Part("azuredevops", command, log=folder / "azuredevops.log")
