"""The service hook subscription that Slipway needs, and the faults of an existing one. Pure: no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

PATH: Final = "/api/hooks/azure-devops"
USER: Final = "slipway"
"""Arbitrary: the app checks only the password."""
ENABLED: Final = "enabled"
STATUSES: Final = {
    ENABLED: "it is enabled",
    "onProbation": "it is on probation: only the failed delivery is retried, and new events are lost",
    "disabledBySystem": "Azure DevOps disabled it after failed deliveries; events are lost",
    "disabledByUser": "somebody disabled it; events are lost",
    "disabledByInactiveIdentity": "its creator has left, so it is disabled; events are lost",
}


class SubscriptionChange(StrEnum):
    """The change that the subscription needs."""

    CREATE = "create"
    REPAIR = "repair"
    KEEP = "keep"


@dataclass(frozen=True, kw_only=True)
class WantedSubscription:
    """The subscription as it should be."""

    project_id: str
    app_url: str
    pipeline: str = ""
    """Name of the pipeline, if only its runs count; empty for the whole project."""

    @property
    def url(self) -> str:
        return self.app_url.rstrip("/") + PATH

    def body(self, password: str) -> dict[str, Any]:
        """The request body of the REST API. In responses, the API masks the password with asterisks."""
        return {
            "publisherId": "tfs",
            "eventType": "build.complete",
            "resourceVersion": "2.0",
            "consumerId": "webHooks",
            "consumerActionId": "httpRequest",
            "publisherInputs": self._publisher_inputs(),
            "consumerInputs": {
                **self._consumer_inputs(),
                "basicAuthUsername": USER,
                "basicAuthPassword": password,
            },
        }

    def _publisher_inputs(self) -> dict[str, str]:
        return {"projectId": self.project_id, "definitionName": self.pipeline, "buildStatus": ""}

    def _consumer_inputs(self) -> dict[str, str]:
        return {
            "url": self.url,
            "resourceDetailsToSend": "all",
            "messagesToSend": "none",
            "detailedMessagesToSend": "none",
        }

    def missing(self, subscription: Mapping[str, Any]) -> tuple[str, ...]:
        """The faults of an existing subscription for this app."""
        status = str(subscription.get("status", ""))
        problems = [] if status == ENABLED else [STATUSES.get(status, f"its status is {status or 'unknown'}")]
        if subscription.get("resourceVersion") != "2.0":
            problems.append(f"resourceVersion: expected 2.0, got {subscription.get('resourceVersion')}")
        for kind, values in (
            ("publisherInputs", self._publisher_inputs()),
            ("consumerInputs", self._consumer_inputs()),
        ):
            actual = subscription.get(kind) or {}
            problems += [
                f"{name}: expected {value or 'any'}, got {actual.get(name) or 'any'}"
                for name, value in values.items()
                if name != "url" and str(actual.get(name) or "") != value and not _is_default(name, actual.get(name))
            ]
        if not (subscription.get("consumerInputs") or {}).get("basicAuthPassword"):
            problems.append("basicAuthPassword: expected the hook's secret, got none")
        return tuple(problems)


@dataclass(frozen=True, kw_only=True)
class SubscriptionPlan:
    """The change to make, and the reason."""

    act: SubscriptionChange
    id: str = ""
    status: str = ""
    reasons: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """Further subscriptions for the same address. Events then arrive twice, which does no harm."""


def plan_subscription(
    wanted: WantedSubscription, existing: Sequence[Mapping[str, Any]], *, send_secret: bool
) -> SubscriptionPlan:
    """`send_secret`: rewrite the subscription even if nothing seems wrong, since its password cannot be read back."""
    own = [subscription for subscription in existing if _leads_to(subscription, wanted)]
    if not own:
        return SubscriptionPlan(
            act=SubscriptionChange.CREATE, reasons=("this project has no subscription for the app",)
        )
    # Prefer one that is enabled, then the one with the fewest problems.
    best = min(own, key=lambda subscription: (subscription.get("status") != ENABLED, len(wanted.missing(subscription))))
    reasons = wanted.missing(best)
    if send_secret:
        reasons = (*reasons, "the secret is sent again")
    return SubscriptionPlan(
        act=SubscriptionChange.REPAIR if reasons else SubscriptionChange.KEEP,
        id=str(best.get("id", "")),
        status=str(best.get("status", "")),
        reasons=reasons,
        others=tuple(str(subscription.get("id", "")) for subscription in own if subscription is not best),
    )


def _leads_to(subscription: Mapping[str, Any], wanted: WantedSubscription) -> bool:
    url = urlsplit(str((subscription.get("consumerInputs") or {}).get("url", "")))
    ours = urlsplit(wanted.url)
    same_place = (url.netloc.casefold(), url.path.rstrip("/")) == (ours.netloc.casefold(), ours.path)
    publisher = subscription.get("publisherInputs") or {}
    same_project = str(publisher.get("projectId", "")).casefold() == wanted.project_id.casefold()
    same_pipeline = str(publisher.get("definitionName") or "") in ("", wanted.pipeline)
    return same_place and same_project and same_pipeline


def _is_default(name: str, value: Any) -> bool:
    """Whether the value equals the default: any for the messages, missing for the resource (which means `all`)."""
    return name in ("resourceDetailsToSend", "messagesToSend", "detailedMessagesToSend") and (
        value is None or name != "resourceDetailsToSend"
    )
