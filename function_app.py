"""Builds the FunctionApp for its role and registers its blueprints; nothing else."""

import azure.functions as func

from functions.shared import check_at_start, parts, role_of_app

role = role_of_app()
check_at_start()

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
if role.works:
    from functions import queues, timers

    for module in (queues, timers):
        app.register_functions(module.blueprint)
if role.answers:
    from functions import (
        api,
        approvals,
        audit_api,
        catalogue,
        changes,
        changes_api,
        commands,
        health,
        hooks,
        inbox,
        looks,
        numbers,
        openapi,
        operate,
        pages,
        proof,
        saying,
        signing_in,
        votes,
    )

    for module in (
        hooks,
        health,
        approvals,
        api,
        audit_api,
        openapi,
        votes,
        catalogue,
        changes_api,
        commands,
        inbox,
        looks,
        numbers,
        proof,
        pages,
        changes,
        operate,
        saying,
        signing_in,
    ):
        app.register_functions(module.blueprint)
if role.answers and parts().settings.event_grid_function:
    from functions import events

    for module in (events,):
        app.register_functions(module.blueprint)
