"""What can go wrong before a function runs, each as a class of its own."""


class HostError(Exception):
    """The whole app cannot start: bad host.json, bad settings, or the worker refuses to index it."""


class RouteError(HostError):
    """A route template that ASP.NET refuses. The real host builds its routes for all functions together, so that such a
    template stops the whole app."""

    def __init__(self, template: str, why: str) -> None:
        super().__init__(f"The route template '{template}' is invalid: {why}.")


class FunctionError(Exception):
    """One function cannot start; the others run, as in Azure. The host lists it as being in error."""


class WorkerLostError(Exception):
    """The worker process ended while it held this invocation."""


class NotCoveredError(Exception):
    """A function returned something that this host cannot handle as Azure does; the caller gets 501 with this
    message."""
