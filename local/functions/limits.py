"""Times and sizes of the real host, which the command line may change for a test."""

ANSWER_WITHIN = 230.0
"""Seconds after which Azure's front end gives up on an answer, regardless of functionTimeout."""
DRAIN_WITHIN = 10.0
"""Seconds that a stopping host waits for its listeners and runs (WebJobsScriptHostService.StopAsync, host 4.1037).
Invocations still running then lose their worker, and the locks of their messages expire."""
TIMER_LEASE = 60.0
"""Seconds for which a timer is an instance's own; the others look as often (SingletonOptions, WebJobs SDK 3.0.48)."""
RESTART_PAUSE = 10.0
"""Seconds between two restarts of the Python worker (ProcessRestartInterval)."""
BODY_LIMIT = 104_857_600
"""Bytes of a request; the app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT changes it there and here."""
