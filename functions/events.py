"""Event Grid triggers: image pushes, in both event schemas. Valid events go to the queue."""

import logging

import azure.functions as func

from slipway.domain.sources import Source
from slipway.effects.messaging import MessageTooLarge
from slipway.inbound import BadInput, Ignored, registry_event

from .shared import new_blueprint, parts

log = logging.getLogger(__name__)
blueprint = new_blueprint()


@blueprint.function_name("image_pushed")
@blueprint.event_grid_trigger(arg_name="event")
def receive_event(event: func.EventGridEvent) -> None:
    _accept(event)


@blueprint.function_name("image_pushed_cloudevent")
@blueprint.event_grid_trigger(arg_name="event")
def receive_cloudevent(event: func.CloudEvent) -> None:
    _accept(event)


def _accept(event: func.EventGridEvent | func.CloudEvent) -> None:
    """Raises only if the queue cannot be reached: Event Grid then retries the event for a day.

    The schema is taken from the event: the binding passes on either kind, whatever type the function declares.
    """
    if isinstance(event, func.CloudEvent):
        body = registry_event(type=event.type, source=event.source, time=event.time, data=event.get_json())
    else:
        body = registry_event(type=event.event_type, source=event.topic, time=event.event_time, data=event.get_json())
    try:
        parts().webhooks.take(Source.EVENT_GRID, body)
    except Ignored as ignored:
        log.info("event ignored: %s", ignored)
    except (BadInput, MessageTooLarge) as bad:
        parts().unreadable_reporter.report(Source.EVENT_GRID, str(bad), body)
