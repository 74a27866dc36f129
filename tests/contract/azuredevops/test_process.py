"""Stories that tests tell the double, in this process and, over HTTP, in a process of its own."""

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

DELIVERY = Delivery(
    title="A cart",
    author=Somebody(name="Ada", mail="ada@example.com"),
    completer=Somebody(name="Ben", mail="ben@example.com", oid="aaaaaaaa-0000-4000-8000-000000000002"),
    publishes=PUBLISHED,
)


def test_a_story_gives_the_ids_of_what_it_made() -> None:
    organization = Organization()
    delivered = deliver(organization, DELIVERY)
    project = organization.project()
    run = project.runs[delivered.run]
    assert (run.commit.id, run.pipeline.id, run.requested_for.name) == (delivered.commit, delivered.definition, "Ben")
    assert run.attachments[0].record == delivered.attachment
    assert project.repository("shop").pull_requests[delivered.pull_request or 0].created_by.name == "Ada"


def test_a_second_story_follows_the_first_in_the_same_places() -> None:
    organization = Organization()
    first, second = (
        deliver(organization, DELIVERY),
        deliver(organization, DELIVERY.model_copy(update={"title": "More"})),
    )
    assert (first.definition, first.project) == (second.definition, second.project)
    assert second.run == first.run + 1
    repository = organization.project().repository("shop")
    assert [commit.id for commit in repository.between(first.commit, second.commit)] == [second.commit]


def test_a_story_without_a_pull_request_was_pushed_by_its_author() -> None:
    organization = Organization()
    delivery = deliver(organization, DELIVERY.model_copy(update={"completer": None, "publishes": None}))
    run = organization.project().runs[delivery.run]
    assert (run.requested_for.name, delivery.pull_request, delivery.attachment) == ("Ada", None, None)


def test_a_run_can_go_on_until_its_image_is_built() -> None:
    organization = Organization()
    delivery = deliver(organization, DELIVERY.model_copy(update={"ends": False, "publishes": None}))
    run = organization.project().runs[delivery.run]
    assert (run.status, run.result, run.attachments) == ("inProgress", None, [])
    ending = finish(organization, Ending(project=delivery.project, run=delivery.run, publishes=PUBLISHED))
    assert (run.status, run.result) == ("completed", "succeeded")
    assert ending.attachment == run.attachments[0].record
    with pytest.raises(ValueError, match="no run"):
        finish(organization, Ending(project=delivery.project, run=delivery.run))


def test_a_story_can_claim_another_author() -> None:
    organization = Organization()
    update = {"claims": Somebody(name="Grace", mail="grace@example.com"), "strategy": Strategy.REBASE}
    delivery = deliver(organization, DELIVERY.model_copy(update=update))
    commit = organization.project().repository("shop").commits[delivery.commit]
    assert (commit.author.email, commit.committer.email) == ("grace@example.com", "ben@example.com")


def test_the_process_takes_stories_and_tokens_whose_keys_it_fetches(tmp_path: Path) -> None:
    tenant = Tenant(TENANT)
    kid = jwt.get_unverified_header(tenant.token(WORKER))["kid"]
    key = tenant.keys(kid)
    assert key is not None
    jwk = {**jwt.algorithms.RSAAlgorithm.to_jwk(key.key, as_dict=True), "kid": kid, "use": "sig", "alg": "RS256"}

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"keys": [jwk]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

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
            delivery = seeding.deliver(DELIVERY.model_copy(update={"ends": False}))
            assert seeding.finish(Ending(project=delivery.project, run=delivery.run, publishes=PUBLISHED)).attachment
            path = f"{ready['url']}/contoso/{delivery.project}/_apis/build/builds/{delivery.run}?api-version=7.1"
            for token, status in ((tenant.token(WORKER), 200), (Tenant(TENANT).token(WORKER), 203)):
                response = urllib3.request("GET", path, headers={"Authorization": f"Bearer {token}"}, retries=False)
                assert response.status == status
            bearer = {"Authorization": f"Bearer {tenant.token(WORKER)}"}
            for stopped, status in ((True, 503), (False, 200)):
                seeding.set_stopped(yes=stopped)
                assert urllib3.request("GET", path, headers=bearer, retries=False).status == status
        finally:
            part.stop()


def test_a_story_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    part = _start(tmp_path, {})
    try:
        url = part.ready()["url"]
        response = urllib3.request(
            "POST", f"{url}/local/deliveries", json={**DELIVERY.model_dump(mode="json"), "colour": 1}
        )
        assert response.status == 400
        assert "colour" in response.json()["message"]
    finally:
        part.stop()


def test_bad_settings_end_the_process_and_the_wrong_field_is_named(tmp_path: Path) -> None:
    part = _start(tmp_path, {"keys_url": "https://elsewhere.example/keys"})
    with pytest.raises(PartFailed, match="keys_url"):
        part.ready()
    part.stop()


def _start(folder: Path, settings: dict[str, object]) -> Part:
    file = folder / "azuredevops.json"
    file.write_text(json.dumps(settings))
    command = python("local.azuredevops", "--config", str(file), "--stop-with-parent")
    return Part("azuredevops", command, log=folder / "azuredevops.log")
