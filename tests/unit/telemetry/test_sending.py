"""Sending, over real HTTP to the local receiver; and an app that sends nothing."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import azure.functions as func
import pytest
import urllib3

from functions.tracing import traced
from local.traces.__main__ import serve
from local.traces.show import text
from local.traces.store import Store
from local.traces.waterfall import rows
from slipway.bootstrap.observation import ObservedPool, part_of
from slipway.telemetry import Attribute, Family, Metric, about, add, carrier, logs, recording, span, trace_id
from slipway.telemetry.exporting import otlp
from slipway.telemetry.sdk import Sdk, begin
from tests.serving import in_a_thread
from tests.unit.telemetry.conftest import Recorder
from tests.unit.telemetry.test_redaction import TOKEN

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    server, store = serve()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    with in_a_thread(server):
        yield store


@pytest.fixture
def sending(receiver: Store) -> Iterator[Sdk]:
    before = recording.use(recording.NullRecorder())
    logs.guard()
    sdk = begin([otlp()], share=1.0, service="slipway-test", version="1", instance="")
    yield sdk
    recording.use(before)
    sdk.shutdown()


def test_spans_metrics_and_logs_arrive_by_otlp_with_one_trace_and_no_secret(sending: Sdk, receiver: Store) -> None:
    matter = {Attribute.APPLICATION: "shop", Attribute.RELEASE: "shop-1", Attribute.ENVIRONMENT: "staging"}
    with about(matter), span(Family.STEP, "deploy") as current, span(Family.CLUSTER, "apply"):
        add(Metric.ENDED, {**matter, Attribute.END: "completed"})
        logging.getLogger("slipway.flow").warning("it went wrong at /approvals/%s", TOKEN)
        current.fail(f"see /approvals/{TOKEN}")
    sending.flush()
    apply, deploy = receiver.spans
    assert (deploy.name, deploy.failed, apply.parent) == ("step deploy", True, deploy.span)
    assert deploy.attributes["slipway.release"] == "shop-1"
    [end_count] = [point for point in receiver.points if point.name == "slipway.releases.ended"]
    assert (end_count.value, end_count.attributes) == (1.0, {"slipway.application": "shop", "slipway.end": "completed"})
    [line] = [line for line in receiver.lines if line.logger == "slipway.flow"]
    assert (line.trace, line.span) == (apply.trace, apply.span)
    assert line.attributes["slipway.environment"] == "staging"
    assert TOKEN not in repr((receiver.spans, receiver.points, receiver.lines))


def test_an_app_without_a_destination_imports_nothing_of_the_sdk() -> None:
    """Cold start counts: the SDK takes a quarter of a second, Azure's exporter the better part of one more."""
    code = (
        "import sys; import slipway.bootstrap.azure, functions.tracing, slipway.engine.run_step;"
        "print([m for m in sys.modules if m.startswith(('opentelemetry', 'azure.monitor'))])"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    assert process.stdout.strip() == "[]"


def test_a_client_is_made_when_it_is_first_needed(receiver: Store) -> None:
    code = (
        "import sys; from slipway.telemetry.exporting import azure_monitor, otlp;"
        "from slipway.telemetry.sdk import begin;"
        "sdk = begin([otlp(), azure_monitor('InstrumentationKey=00000000-0000-0000-0000-000000000000', None)],"
        " share=1, service='x', version='1', instance='');"
        "print([m for m in sys.modules if m.startswith(('azure.monitor', 'opentelemetry.exporter'))]); import os;"
        "sys.stdout.flush(); os._exit(0)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout.strip() == "[]"


# ---- functions
CONTEXT = SimpleNamespace(
    function_name="page_approval",
    invocation_id="an-id",
    trace_context=SimpleNamespace(trace_parent=f"00-{'d' * 32}-{'e' * 16}-01", trace_state=""),
)


def test_a_sync_function_runs_in_the_trace_that_the_host_gave_it(recorder: Recorder) -> None:
    traces = []

    def page(req: func.HttpRequest) -> func.HttpResponse:
        traces.append(trace_id(carrier()))
        return func.HttpResponse("ok", status_code=503)

    request = func.HttpRequest(
        method="GET", url=f"https://x/approvals/{TOKEN}", body=b"", route_params={"token": TOKEN}
    )
    run = traced(page, {Attribute.ROUTE: "approvals/{token}"})
    thread = threading.Thread(target=lambda: run(req=request, context=CONTEXT))  # as the worker does it
    thread.start()
    thread.join()
    assert traces == ["d" * 32]
    [recorded] = recorder.spans
    assert recorded.name == "function page_approval"
    assert recorded.attributes["http.route"] == "approvals/{token}"
    assert recorded.attributes["http.response.status_code"] == 503
    assert not recorded.status.is_ok
    assert TOKEN not in recorded.to_json()


def test_a_thread_is_left_without_a_trace_afterwards(recorder: Recorder) -> None:
    traced(lambda req: None, {})(req=None, context=CONTEXT)
    assert carrier() == ""


class Pool:
    def __init__(self, status: int) -> None:
        self.status = status

    def request(self, method: str, url: str, **options: object) -> urllib3.BaseHTTPResponse:
        return urllib3.HTTPResponse(status=self.status)


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/v2/", "ping"),
        ("/v2/team/shop/manifests/1.0", "manifests"),
        ("/v2/team/shop/blobs/sha256:00", "blobs"),
        ("/v2/team/shop/blobs/uploads/1", "uploads"),
        ("/v2/tags/manifests/1", "manifests"),
        ("/oauth2/token", "token"),
        ("/some/redirected/download", "storage"),
        ("/subscriptions/1/resourceGroups/x/importImage", "management"),
    ],
)
def test_a_request_to_a_registry_is_shown_by_its_kind(path: str, part: str) -> None:
    assert part_of(path) == part


def test_the_span_of_a_registry_request_shows_the_host_and_not_the_signature_in_the_address(recorder: Recorder) -> None:
    ObservedPool(Pool(200), "nonprod").request("GET", "https://a.azurecr.io/v2/x/blobs/1?sig=Zm9vYmFyYmF6&se=1")
    ObservedPool(Pool(503), "nonprod").request("PUT", "https://a.azurecr.io/v2/x/manifests/1")
    good, bad = recorder.spans
    assert good.attributes["server.address"] == "a.azurecr.io"
    assert "Zm9vYmFyYmF6" not in good.to_json()
    assert good.status.is_ok
    assert not bad.status.is_ok


# ---- the viewer
def test_the_receiver_refuses_what_is_not_otlp(receiver: Store) -> None:
    address = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    http, kind = urllib3.PoolManager(retries=False), {"Content-Type": "application/x-protobuf"}
    assert http.request("POST", f"{address}/v1/traces", body=b"\xff\xff", headers=kind).status == 400
    assert http.request("POST", f"{address}/v1/other", body=b"", headers=kind).status == 404
    assert http.request("POST", f"{address}/v1/traces", body=b"{}").status == 415
    assert http.request("GET", f"{address}/releases/shop-1").status == 404


def test_a_release_is_shown_as_a_waterfall_on_a_page_and_in_the_terminal(sending: Sdk, receiver: Store) -> None:
    with about({Attribute.RELEASE: "shop-1"}), span(Family.EVENT, "image-pushed"):
        with span(Family.TABLE, "get"):
            pass
        with span(Family.STEP, "<deploy>"):
            pass
    sending.flush()
    http, address = urllib3.PoolManager(retries=False), os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    page = http.request("GET", f"{address}/releases/shop-1").data.decode()
    assert "step &lt;deploy&gt;" in page
    assert "table get" not in page
    assert "table get" in http.request("GET", f"{address}/releases/shop-1?calls=1").data.decode()
    assert "/releases/shop-1" in http.request("GET", address).data.decode()
    waterfall = text(*rows(receiver.spans), width=100, colour=False)
    assert [line.split()[0] for line in waterfall.splitlines()] == ["event", "step"]
