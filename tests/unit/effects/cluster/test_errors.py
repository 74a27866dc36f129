"""What an error response of the API server means for a step."""

import json
from typing import Any

import pytest

from slipway.effects.cluster.errors import (
    AccessDenied,
    ClusterUnreachable,
    Missing,
    ObjectConflict,
    ObjectRefused,
    WebhookAway,
    from_answer,
    is_status,
)


def a_status(message: str, reason: str = "", **details: Any) -> bytes:
    return json.dumps(
        {"kind": "Status", "apiVersion": "v1", "message": message, "reason": reason, "details": details}
    ).encode()


def test_a_missing_permission_names_verb_resource_namespace_and_what_to_grant() -> None:
    message = (
        'deployments.apps "web" is forbidden: User "0b1c" cannot patch resource "deployments" '
        'in API group "apps" in the namespace "shop"'
    )
    error = from_answer(403, a_status(message, "Forbidden"), what="apply Deployment/web")
    assert isinstance(error, AccessDenied)
    assert 'may not patch deployments.apps in namespace "shop"; the role Azure' in str(error)
    assert not error.retryable


def test_a_missing_permission_for_the_whole_cluster_says_so() -> None:
    message = (
        'namespaces is forbidden: User "x" cannot create resource "namespaces" in API group "" at the cluster scope'
    )
    assert "may not create namespaces in the whole cluster" in str(from_answer(403, a_status(message), what="w"))


@pytest.mark.parametrize(
    "message",
    [
        'pods "web" is forbidden: exceeded quota: q',
        'admission webhook "policy.example" denied the request: no latest tags',
    ],
)
def test_a_403_of_quota_or_admission_is_a_refusal_that_no_role_helps_against(message: str) -> None:
    error = from_answer(403, a_status(message, "Forbidden"), what="apply Deployment/web")
    assert isinstance(error, ObjectRefused)
    assert message in str(error)


def test_credentials_that_are_not_accepted_are_denied() -> None:
    assert isinstance(from_answer(401, a_status("Unauthorized"), what="read Job/t"), AccessDenied)


def test_a_refusal_names_the_fields() -> None:
    body = a_status(
        'Deployment.apps "web" is invalid',
        "Invalid",
        causes=[{"field": "spec.replicas", "message": "must be positive"}],
    )
    error = from_answer(422, body, what="check Deployment/web")
    assert isinstance(error, ObjectRefused)
    assert error.fields == ("spec.replicas",)
    assert str(error) == 'check Deployment/web: Deployment.apps "web" is invalid [spec.replicas]'
    assert not error.immutable


def test_an_immutable_field_is_recognised() -> None:
    error = from_answer(422, a_status("spec.template: Invalid value: {}: field is immutable"), what="w")
    assert isinstance(error, ObjectRefused)
    assert error.immutable


@pytest.mark.parametrize(
    "message",
    [
        "spec.selector: Invalid value: {}: field is immutable",
        'spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set',
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden",
        "spec: Forbidden: spec is immutable after creation except resources.requests for bound claims",
        'roleRef: Invalid value: {"Name":"edit"}: cannot change roleRef',
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`",
        "provisioner: Forbidden: updates to provisioner are forbidden.",
    ],
)
def test_a_change_of_an_immutable_field_is_reported_with_the_remedy(message: str) -> None:
    text = str(from_answer(422, a_status(message, "Invalid"), what="check it"))
    assert text.endswith("give it another name, and the old one counts as one that left the manifests)")


@pytest.mark.parametrize(
    "message",
    [
        "Timeout: request did not complete within requested timeout - context deadline exceeded",
        'Internal error occurred: failed calling webhook "away.example.com": failed to call webhook: Post '
        '"https://127.0.0.1:1/?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
        'conversion webhook for example.com/v1, Kind=Test failed: Post "https://convert.tools.svc:443/": EOF',
    ],
)
def test_an_error_of_a_webhook_that_is_away_is_recognised_and_retryable(message: str) -> None:
    error = from_answer(500, a_status(message, "InternalError"), what="apply it")
    assert (type(error), error.retryable) == (WebhookAway, True)
    assert message in str(error)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "etcdserver: leader changed"),
        (500, "Internal error occurred: the webhook configuration is being loaded"),
        (504, "context deadline exceeded"),
    ],
)
def test_an_error_of_the_api_server_itself_is_not_taken_for_one_of_a_webhook(status: int, message: str) -> None:
    error = from_answer(status, a_status(message, "InternalError"), what="apply it")
    assert (type(error), error.retryable) == (ClusterUnreachable, True)


def test_a_missing_namespace_is_named() -> None:
    error = from_answer(
        404, a_status('namespaces "shop" not found', "NotFound", kind="namespaces", name="shop"), what="w"
    )
    assert isinstance(error, Missing)
    assert (error.kind, error.name) == ("namespaces", "shop")
    assert 'namespace "shop" is not in the cluster' in str(error)


def test_an_object_that_exists_already_is_distinguished_from_other_conflicts() -> None:
    already_exists = from_answer(409, a_status("exists", "AlreadyExists"), what="w")
    modified = from_answer(409, a_status("modified", "Conflict"), what="w")
    assert isinstance(already_exists, ObjectConflict)
    assert isinstance(modified, ObjectConflict)
    assert (already_exists.exists, modified.exists) == (True, False)
    assert modified.retryable


def test_a_conflict_names_the_fields_that_other_managers_own() -> None:
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "hpa"', "field": ".spec.replicas"},
        {"reason": "FieldValueInvalid", "message": "no", "field": ".spec.paused"},
    ]
    conflict = from_answer(409, a_status("Apply failed with 1 conflict", "Conflict", causes=causes), what="w")
    assert isinstance(conflict, ObjectConflict)
    assert conflict.fields == (".spec.replicas",)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_api_server_that_is_busy_or_broken_is_worth_another_try(status: int) -> None:
    error = from_answer(status, b"<html>bad gateway</html>", what="w")
    assert isinstance(error, ClusterUnreachable)
    assert error.retryable


@pytest.mark.parametrize("status", [400, 403, 409, 415, 422, 500])
def test_an_error_about_a_secret_never_quotes_the_server(status: int) -> None:
    message = 'failed to create typed patch object: .stringData.p: expected string, got Value: "hunter2"'
    error = from_answer(
        status, a_status(message, causes=[{"field": "stringData.p"}]), what="apply Secret/s", withhold=True
    )
    assert "hunter2" not in str(error)
    assert "apply Secret/s" in str(error)


def test_an_unknown_field_is_a_refusal_though_server_side_apply_answers_500() -> None:
    kind = "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment)"
    error = from_answer(
        500, a_status(f"{kind}: .spec.replica: field not declared in schema"), what="check Deployment/web"
    )
    assert isinstance(error, ObjectRefused)
    assert error.fields == ("spec.replica",)
    assert not error.retryable


@pytest.mark.parametrize(
    "message",
    [
        "failed to convert new object (shop/login; /v1, Kind=Secret): illegal base64 data at input byte 3",
        "etcdserver: request is too large",
        "rpc error: code = ResourceExhausted desc = trying to send message larger than max (3000000 vs. 2097152)",
    ],
)
def test_a_500_that_no_retry_can_help_is_a_refusal(message: str) -> None:
    error = from_answer(500, a_status(message), what="apply Secret/login")
    assert isinstance(error, ObjectRefused)
    assert not error.retryable


def test_a_namespace_that_is_being_deleted_is_waited_for() -> None:
    message = (
        'configmaps "c" is forbidden: unable to create new content in namespace shop because it is being terminated'
    )
    error = from_answer(403, a_status(message, "Forbidden"), what="apply ConfigMap/c")
    assert error.retryable
    assert "wait until it is gone" in str(error)


def test_a_mistyped_secret_is_refused_by_field_without_its_value() -> None:
    message = "failed to create typed patch object (s/s; /v1, Kind=Secret): .stringData.p: expected string, got 12345"
    error = from_answer(500, a_status(message), what="check Secret/s", withhold=True)
    assert isinstance(error, ObjectRefused)
    assert error.fields == ("stringData.p",)
    assert "12345" not in str(error)


@pytest.mark.parametrize(
    "detail",
    [
        'to proper version: unable to convert unstructured object to /v1, Kind=Secret: error decoding from json: "a"',
        "to proper version: unable to convert unstructured object to apps/v1, Kind=Deployment: quantities must match",
    ],
)
def test_an_object_that_cannot_be_converted_is_refused_and_not_retried(detail: str) -> None:
    error = from_answer(500, a_status(f"failed to convert new object (/s; /v1, Kind=X) {detail}"), what="check X/s")
    assert isinstance(error, ObjectRefused)
    assert not error.retryable


def test_bad_base64_in_a_secret_is_named_without_its_value() -> None:
    message = (
        "failed to convert new object (/s; /v1, Kind=Secret) to proper version: unable to convert unstructured object "
        "to /v1, Kind=Secret: error decoding from json: illegal base64 data at input byte 0"
    )
    error = from_answer(500, a_status(message), what="check Secret/s", withhold=True)
    assert str(error) == "check Secret/s: a value under data is not base64; plain text belongs under stringData"


@pytest.mark.parametrize("characters", [10, 5_000])
@pytest.mark.parametrize(
    "value", ['{{"spec": "{0}"}}', 'core.PodTemplateSpec{{Spec:(*core.X){{A:"{0}}}\\" {{"}}, B:[]int(nil)}}']
)
def test_a_refusal_gives_its_reason_even_if_the_value_is_long(characters: int, value: str) -> None:
    """The first is written as by servers of 1.35, the other as by those of 1.33."""
    value = value.format("x: " * characters)
    message = f'Job.batch "m" is invalid: [spec.template: Invalid value: {value}: field is immutable, spec.x: Required]'
    error = from_answer(422, a_status(message, "Invalid"), what="apply Job/m")
    assert isinstance(error, ObjectRefused)
    assert error.immutable
    assert ": field is immutable, spec.x: Required]" in str(error)
    assert (value in str(error)) == (characters == 10)
    assert len(str(error)) < 1200


def test_a_501_is_a_refusal_that_quotes_the_server() -> None:
    error = from_answer(501, a_status("does not know the parameter colour of GET", "NotImplemented"), what="read Pod/p")
    assert isinstance(error, ObjectRefused)
    assert "the parameter colour" in str(error)


def test_a_long_answer_is_cut_in_its_middle_since_the_reason_stands_at_its_end() -> None:
    error = from_answer(500, b"x" * 3_000 + b": field is immutable", what="w")
    assert len(str(error)) < 1200
    assert " (cut) " in str(error)
    assert str(error).endswith("field is immutable")


def test_only_a_status_object_is_an_answer_of_the_api_server_itself() -> None:
    assert is_status(a_status("x"))
    assert not is_status(b'{"kind": "Pod"}')
    assert not is_status(b"[]")
    assert not is_status(b"not json")
