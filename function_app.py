"""Builds the FunctionApp and registers the blueprints; nothing else."""

import azure.functions as func

from functions import (
    api,
    approvals,
    audit_api,
    catalogue,
    commands,
    events,
    health,
    hooks,
    inbox,
    looks,
    numbers,
    openapi,
    operate,
    pages,
    proof,
    queues,
    saying,
    signing_in,
    timers,
    votes,
)
from functions.shared import check_at_start

check_at_start()

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for module in (
    events,
    queues,
    hooks,
    timers,
    health,
    approvals,
    api,
    audit_api,
    openapi,
    votes,
    catalogue,
    commands,
    inbox,
    looks,
    numbers,
    proof,
    pages,
    operate,
    saying,
    signing_in,
):
    app.register_functions(module.blueprint)
