"""What can go wrong before a function runs, each as a class of its own."""


class HostError(Exception):
    """The whole app cannot start: bad host.json, bad settings, or the worker refuses to index it."""


class FunctionError(Exception):
    """One function cannot start; the others run, as in Azure. The host lists it as being in error."""


class WorkerLostError(Exception):
    """The worker process ended while it held this invocation."""
