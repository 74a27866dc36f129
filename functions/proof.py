"""The JSON API of the trail's proof: anchors as they were written, public keys, and whether searches find all of it."""

import json

import azure.functions as func

from slipway.api.audit import (
    AnchoredChainsAnswer,
    AnchorsAnswer,
    IndexAnswer,
    PublicKeysAnswer,
    ReindexAnswer,
)
from slipway.domain.keyring import format_keys

from .audit_api import APPLICATION
from .contract import SEQUENCES, Endpoint, number, whole_number
from .http import ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()
_AFTER = whole_number("after", "Only records after this sequence.", most=SEQUENCES, default=0)
NEWEST = 20
"""Anchors in one answer: an earlier one says nothing of the chain that a later one does not."""


@Endpoint(
    blueprint,
    name="api_anchored_chains",
    path="anchors",
    summary="The chains that were ever anchored",
    tag="audit",
    answer=AnchoredChainsAnswer,
)
def anchored_chains(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - it takes no parameters
    return ok(AnchoredChainsAnswer(chains=list(parts().chain_anchors.applications())))


@Endpoint(
    blueprint,
    name="api_public_keys",
    path="public-keys",
    summary="The public keys with which records, anchors and links verify, and whose tokens prove votes",
    description="As the app's settings name them. Somebody who verifies without trusting the app brings the keys from "
    "somewhere else.",
    tag="audit",
    answer=PublicKeysAnswer,
)
def public_keys(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - it takes no parameters
    app = parts()
    return ok(
        PublicKeysAnswer(
            text=format_keys(app.public_keys.by_id()),
            issuer=app.settings.issuer_url,
            tenant=app.settings.tenant_id,
            votes_client=app.settings.votes_client_id,
            installation=app.settings.installation_name,
        )
    )


@Endpoint(
    blueprint,
    name="api_anchors",
    path="anchors/{application}",
    summary="The newest anchors of a chain, as they were written",
    tag="audit",
    parameters=(APPLICATION,),
    answer=AnchorsAnswer,
    refuses=(404,),
)
def anchors(req: func.HttpRequest) -> func.HttpResponse:
    """Up to `NEWEST`, newest first. The client verifies them."""
    app, application = parts(), req.route_params["application"]
    app.reader.head(application)  # so that a name of another form is not found
    documents = app.chain_anchors.written(application, most=NEWEST)
    return ok(AnchorsAnswer(anchors=[_content(content) for content in documents]))


@Endpoint(
    blueprint,
    name="api_index_verification",
    path="verification/{application}/index",
    summary="Compare a part of the trail with the audit index",
    description="Whether searches find all of it. Changes nothing; `slipway audit reindex` repairs the index.",
    tag="audit",
    parameters=(APPLICATION, _AFTER),
    answer=IndexAnswer,
    refuses=(404,),
)
def index_verification(req: func.HttpRequest) -> func.HttpResponse:
    after = number(req, _AFTER)
    app, application = parts(), req.route_params["application"]
    head = app.reader.head(application).sequence
    compared = app.reindexing.compare(application, head=head, after=after, repair=False)
    return ok(IndexAnswer(compared=ReindexAnswer.model_validate(compared.model_dump())))


def _content(content: bytes) -> object:
    """The anchor as it was written, even if it is damaged: the client verifies it."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return {"damaged": "it is not an anchor any more"}
