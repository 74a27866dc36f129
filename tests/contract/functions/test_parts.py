"""The pure parts of the host: schedules, routes, time spans, settings, timer status, message metadata."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.functions import app_settings, errors, host_json, protos, timespan
from local.functions.ages import HostAge
from local.functions.app_settings import AppSettings
from local.functions.bindings import describe
from local.functions.bus_metadata import BusMessage, batch, single
from local.functions.bus_output import bodies
from local.functions.errors import FunctionError, HostError
from local.functions.invocation import own_span
from local.functions.ncrontab import Schedule
from local.functions.routes import compile_route
from local.functions.timer_status import Due, Status, after_run, at_start

BUNDLE = "Microsoft.Azure.Functions.ExtensionBundle"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 */5 * * * *", "2026-11-23T08:00:00", "2026-11-23T08:05:00"),
        ("*/5 * * * *", "2026-11-23T08:01:00", "2026-11-23T08:05:00"),
        ("59 59 23 * * *", "2026-11-23T23:59:59", "2026-11-24T23:59:59"),
        ("0 30 9 * Jan Mon", "2026-11-23T08:00:00", "2027-01-04T09:30:00"),
        ("0 0 0 13 * 5", "2026-11-23T08:00:00", "2027-08-13T00:00:00"),
        ("0 0 0 29 2 *", "2026-11-23T08:00:00", "2028-02-29T00:00:00"),
        ("0 0 10-8 * * *", "2026-11-23T08:30:00", "2026-11-23T09:00:00"),
        ("30/10 * * * * *", "2026-11-23T08:00:31", "2026-11-23T08:00:40"),
        ("0 0 0 * january,dec sun", "2026-11-23T08:00:00", "2026-12-06T00:00:00"),
    ],
)
def test_a_schedule_finds_its_next_occurrence(schedule: str, after: str, expected: str) -> None:
    assert Schedule(schedule).next(moment(after)) == moment(expected)


@pytest.mark.parametrize(
    "schedule",
    ["", "* * * *", "60 * * * * *", "* * * * * 7", "* * * L * *", "* * * ? * *", "@daily", "*/0 * * * * *",
     "a * * * * *", "* * * * * * *", "00:05:00", "0\t* * * * *", "0 \u0663 * * * *", "*/99999999999 * * * * *",
     "* * * 0 * *", "1- * * * * *"],
)  # fmt: skip
def test_a_schedule_that_the_parser_in_azure_refuses_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Schedule(schedule)


def test_a_schedule_that_never_occurs_is_reported() -> None:
    """W-32. In Azure such a timer never fires (NCrontab.Signed 3.4.0, run); here its function is in error."""
    with pytest.raises(ValueError, match="never occurs"):
        Schedule("0 0 0 31 2 *").next(moment("2026-11-23T08:00:00"))


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("api/a/{id:int}", "/API/A/5", {"id": "5"}),
        ("api/a/{id:int}", "/api/a/99999999999", None),
        ("api/a/{id:long}", "/api/a/99999999999", {"id": "99999999999"}),
        ("api/a/{id?}", "/api/a", {}),
        ("api/a/{id=7}", "/api/a/", {"id": "7"}),
        ("api/a/{*rest}", "/api/a/b/c", {"rest": "b/c"}),
        ("api/a/{*rest}", "/api/a", {}),
        ("api/a/{name:length(2,3)}", "/api/a/abcd", None),
        ("api/a/{n:range(1,5)}", "/api/a/5", {"n": "5"}),
        ("api/{file}.{kind}", "/api/x.json", {"file": "x", "kind": "json"}),
        ("api/{id:guid}", "/api/9c2ee2a1-3f3f-4a3d-9f0a-0a3c4a4b5c6d", {"id": "9c2ee2a1-3f3f-4a3d-9f0a-0a3c4a4b5c6d"}),
        ("api/a.b", "/api/axb", None),
        ("", "/", {}),
    ],
)
def test_a_route_template_matches_as_in_aspnet(template: str, path: str, expected: dict[str, str] | None) -> None:
    assert compile_route(template).match(path) == expected


def test_a_constraint_that_cannot_be_kept_here_is_refused_by_name() -> None:
    with pytest.raises(FunctionError, match="constraint 'regex' is not covered"):
        compile_route(r"a/{id:regex(^\d+$)}")


@pytest.mark.parametrize(("text", "expected"), [("00:05:00", 300), ("1.02:00:00", 93600), ("00:00:00.80", 0.8)])
def test_a_time_span_is_read(text: str, expected: float) -> None:
    assert timespan.seconds(text, "field") == expected


@pytest.mark.parametrize("value", ["5", "00:61:00", 5, None, "24:00:00"])
def test_a_value_that_is_not_a_time_span_is_refused_with_its_field(value: object) -> None:
    with pytest.raises(HostError, match="the field: expected"):
        timespan.seconds(value, "the field")


@pytest.mark.parametrize(("text", "expected"), [("OpenTelemetry", "OpenTelemetry"), ("opentelemetry", "OpenTelemetry")])
def test_the_telemetry_mode_is_read(text: str, expected: str) -> None:
    assert host_json.parse({"version": "2.0", "telemetryMode": text}).telemetry_mode == expected
    assert host_json.parse({"version": "2.0"}).telemetry_mode == "ApplicationInsights"


def test_an_unknown_telemetry_mode_stops_the_host() -> None:
    with pytest.raises(errors.HostError, match="telemetryMode: expected ApplicationInsights or OpenTelemetry"):
        host_json.parse({"version": "2.0", "telemetryMode": "OpenTelemtry"})


def test_host_json_has_the_defaults_of_the_real_host() -> None:
    host = host_json.parse({"version": "2.0"})
    assert (host.route_prefix, host.function_timeout) == ("api", 1800)
    assert (host.service_bus.auto_complete, host.service_bus.max_lock_renewal) == (True, 300)
    assert host_json.parse({"version": "2.0", "functionTimeout": "-1"}).function_timeout is None


def test_the_old_names_of_service_bus_options_are_mapped() -> None:
    nest = {"autoComplete": False, "maxConcurrentCalls": 3}
    bus = host_json.parse({"version": "2.0", "extensions": {"serviceBus": {"messageHandlerOptions": nest}}}).service_bus
    assert (bus.auto_complete, bus.max_concurrent_calls) == (False, 3)


def test_the_environment_wins_over_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": {"A": "file", "B": "file", "C": True}}))
    settings = app_settings.load(file, {"A": "environment"})
    assert (settings["A"], settings["B"], settings["C"]) == ("environment", "file", "true")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"IsEncrypted": true}', "IsEncrypted"),
        ('{"Values": {"SECRET": {"x": "hidden"}}}', "Values.SECRET: expected text, got dict"),
        ('{"Values": {"FUNCTIONS_WORKER_RUNTIME": "node"}}', "expected python"),
        ("[]", "expected an object"),
    ],
)
def test_bad_settings_are_reported_without_their_values(tmp_path: Path, content: str, expected: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(content)
    with pytest.raises(HostError, match=expected) as raised:
        app_settings.load(file, {})
    assert "hidden" not in str(raised.value)


def test_a_connection_is_a_string_or_a_section_with_or_without_the_prefix() -> None:
    """W-43. The order of the Service Bus extension, read: the plain name first."""
    settings = AppSettings({"A": "text", "B__fullyQualifiedNamespace": "ns", "AzureWebJobsC": "prefixed", "D": ""})
    assert settings.connection("A") == {"": "text"}
    assert settings.connection("B") == {"fullyQualifiedNamespace": "ns"}
    assert settings.connection("C") == {"": "prefixed"}
    assert AppSettings({"AzureWebJobsC": "prefixed", "C": "plain"}).connection("C") == {"": "plain"}
    assert settings.connection("D") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a%b", "does not have a closing '%'"), ("%A%-%", "does not have a closing '%'"), ("%%", "does not resolve"),
     ("%B%", "'%B%' does not resolve")],
)  # fmt: skip
def test_a_reference_to_a_setting_that_cannot_be_resolved_is_reported(text: str, expected: str) -> None:
    """W-26. Host 4.1037, run."""
    with pytest.raises(FunctionError, match=expected):
        AppSettings({"A": "a"}).resolve(text, "msg.queueName")
    assert AppSettings({"A": "a", "X": "%"}).resolve("q-%A%%X%", "msg.queueName") == "q-a%"


def test_the_connection_of_a_service_bus_trigger_may_be_a_reference_to_a_setting() -> None:
    """W-26. Host 4.1037, run."""
    trigger = {"type": "serviceBusTrigger", "direction": "IN", "name": "msg", "queueName": "q", "connection": "%BUS%"}
    metadata = protos.RpcFunctionMetadata(name="one", function_id="1", raw_bindings=[json.dumps(trigger)])
    settings = {"BUS": "Here", "Here": "Endpoint=sb://127.0.0.1;SharedAccessKeyName=a;SharedAccessKey=b"}
    host = host_json.parse({"version": "2.0", "extensionBundle": {"id": BUNDLE, "version": "[4.*, 5.0.0)"}})
    (function,) = describe([metadata], AppSettings(settings), host, HostAge.TODAY)
    assert (function.error, function.trigger["connection"]) == (None, "Here")
    (unresolved,) = describe([metadata], AppSettings({}), host, HostAge.TODAY)
    assert "'%BUS%' does not resolve" in str(unresolved.error)


def test_a_time_zone_for_timers_is_refused_by_name() -> None:
    """W-34. Flex Consumption has UTC only; elsewhere the hour in which clocks change is a case of its own."""
    with pytest.raises(HostError, match="WEBSITE_TIME_ZONE: timers run in UTC"):
        app_settings.load(None, {"WEBSITE_TIME_ZONE": "W. Europe Standard Time"})


def error_of(binding: str, *, function: str = "one", age: HostAge = HostAge.TODAY, more: str = "") -> str | None:
    """The error of a function whose trigger has this name; None if it has none."""
    trigger = {"type": "httpTrigger", "direction": "IN", "name": binding}
    outputs = [{"type": "http", "direction": "OUT", "name": more or "$return"}]
    metadata = protos.RpcFunctionMetadata(
        name=function, function_id="1", raw_bindings=[json.dumps(binding) for binding in (trigger, *outputs)]
    )
    (described,) = describe([metadata], AppSettings({}), host_json.HostJson(), age)
    return described.error


@pytest.mark.parametrize("name", ["naïve", "a__b", "1a", "a-b", "a" * 129, ""])
def test_a_name_of_a_binding_that_the_host_refuses_puts_its_function_in_error(name: str) -> None:
    """W-27. Utility.ValidateBinding of host 4.1037 and pull request 10764 of azure-functions-host, read."""
    assert error_of(name) == f"The binding name {name} is invalid. Please assign a valid name to the binding."
    assert error_of("req") is None


def test_names_of_bindings_have_underscores_since_the_end_of_2024() -> None:
    """W-27. Pull request 10764 of azure-functions-host, in 4.1038."""
    assert error_of("the_request") is None
    assert "is invalid" in str(error_of("the_request", age=HostAge.OCTOBER_2024))


def test_a_function_is_not_called_host_and_no_two_bindings_have_one_name() -> None:
    """W-27. Utility of host 4.1037, read."""
    assert error_of("req", function="Host") == "'Host' is not a valid function name."
    assert error_of("req", more="REQ") == "Multiple bindings with name 'req' discovered. Binding names must be unique."


HOURLY = Schedule("0 0 * * * *")


def status(last: str, following: str) -> Status:
    return Status(last=moment(last), next=moment(following), updated=moment(last))


def test_a_timer_without_a_status_waits_for_its_first_occurrence() -> None:
    start = at_start(HOURLY, None, moment("2026-11-23T08:30:00"), run_on_startup=False)
    assert (start.status.next, start.due, start.store) == (moment("2026-11-23T09:00:00"), Due.NO, True)


def test_a_missed_occurrence_is_past_due() -> None:
    old = status("2026-11-23T05:00:00", "2026-11-23T06:00:00")
    assert at_start(HOURLY, old, moment("2026-11-23T08:30:00"), run_on_startup=True).due is Due.PAST


def test_after_a_change_of_its_schedule_a_timer_has_missed_nothing() -> None:
    """W-18. ScheduleMonitor.CheckPastDueAsync, source of October 2024."""
    old = status("2026-11-23T05:10:00", "2026-11-23T05:15:00")
    start = at_start(HOURLY, old, moment("2026-11-23T08:30:00"), run_on_startup=False)
    assert (start.status.next, start.due) == (moment("2026-11-23T09:00:00"), Due.NO)


def test_the_next_occurrence_after_a_long_run_is_counted_from_its_start() -> None:
    """W-05. TimerListener of October 2024: the next time may have passed, and then the timer fires again at once."""
    old = status("2026-11-23T08:00:00", "2026-11-23T09:00:00")
    new = after_run(HOURLY, old, moment("2026-11-23T09:00:00"), planned=True)
    assert new.next == moment("2026-11-23T10:00:00")


def test_a_timer_that_fires_a_little_early_does_not_fire_twice() -> None:
    old = status("2026-11-23T08:00:00", "2026-11-23T09:00:00")
    new = after_run(HOURLY, old, moment("2026-11-23T08:59:59.999"), planned=True)
    assert new.next == moment("2026-11-23T10:00:00")


def test_a_run_out_of_its_schedule_leaves_the_next_occurrence() -> None:
    old = status("2026-11-23T08:00:00", "2026-11-23T09:00:00")
    new = after_run(HOURLY, old, moment("2026-11-23T08:10:00"), planned=False)
    assert new.next == moment("2026-11-23T09:00:00")


def message(body: str = "x", **fields: Any) -> BusMessage:
    return BusMessage(**{"body": body.encode(), "application_properties": {}, **fields})


def test_metadata_names_that_the_real_extension_never_sends_are_left_out() -> None:
    full = message(
        message_id="m", subject="s", session_id="s", correlation_id="c", to="t", reply_to="r", content_type="c",
        enqueued=datetime(2026, 11, 23, tzinfo=UTC), expires=datetime(2026, 11, 24, tzinfo=UTC), lock_token="l",
    )  # fmt: skip
    _, metadata = single(full, None)
    never = {"DeadLetterReason", "DeadLetterErrorDescription", "EnqueuedSequenceNumber", "LockedUntil",
             "ScheduledEnqueueTimeUtc", "State", "TimeToLive"}  # fmt: skip
    assert not never & set(metadata)
    assert metadata["EnqueuedTimeUtc"].value == '"2026-11-23T00:00:00"'
    assert metadata["DeliveryCount"].value == "1"


def test_optional_texts_of_a_batch_shift_when_one_is_missing() -> None:
    value, metadata = batch([message(correlation_id="a"), message(), message(correlation_id="c")], "STRING")
    assert metadata["CorrelationIdArray"].value.string == ["a", "c"]
    assert json.loads(metadata["UserPropertiesArray"].value) == [{}, {}, {}]
    assert value.value.string == ["x", "x", "x"]


def test_a_batch_without_data_type_must_be_json() -> None:
    assert batch([message('{"a": 1}')], None)[0].value == '[{"a": 1}]'
    with pytest.raises(ValueError, match="Expecting value"):
        batch([message("plain")], None)


def test_a_binary_body_is_handed_over_as_it_is() -> None:
    value, metadata = single(message('{"Subject": "x"}', subject="own"), "BINARY")
    assert value.value == b'{"Subject": "x"}'
    assert metadata["Subject"].value == "own"


def test_an_array_becomes_messages_and_other_text_stays_whole() -> None:
    assert bodies(protos.TypedData(string='["a", {"b": 1}]')) == ["a", '{"b": 1}']
    assert bodies(protos.TypedData(string="[not json")) == ["[not json"]
    assert bodies(protos.TypedData(bytes=b"[1]")) == [b"[1]"]


def test_the_stand_in_refuses_what_protobuf_refuses() -> None:
    with pytest.raises(TypeError, match="expected str, got int"):
        protos.TypedData(string=5)
    with pytest.raises(ValueError, match="holds one value"):
        protos.TypedData(string="a", json="b")
    with pytest.raises(ValueError, match="no field"):
        protos.RpcException(nonsense=1)
    with pytest.raises(TypeError, match=r"RpcHttp\.headers"):
        protos.RpcHttp(headers={"X": 5})


def test_a_span_of_the_host_keeps_the_trace_of_the_caller() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert own_span(f"00-{trace}-b7ad6b7169203331-00").split("-")[1::2] == [trace, "00"]
    assert own_span("nonsense") != own_span(None)
