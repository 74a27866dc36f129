"""The faults that can occur before a function runs, each as a class of its own."""


class HostError(Exception):
    """The whole app cannot start: bad host.json, bad settings, or the worker refuses to index it."""


class RouteError(HostError):
    """A route template that ASP.NET refuses. The real host builds its routes outside of any one function, so that
    such a template takes the whole app down."""

    def __init__(self, template: str, why: str) -> None:
        super().__init__(f"The route template '{template}' is not one: {why}.")


class FunctionError(Exception):
    """One function cannot start; the others run, as in Azure. The host lists it as being in error."""


class WorkerLostError(Exception):
    """The worker process ended while it held this invocation."""


class NotCoveredError(Exception):
    """A function answered with something of which this host cannot do what Azure does; the caller gets 501 and this."""
