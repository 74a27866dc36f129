"""Times and sizes of the real host. The command line can change them for a test."""

ANSWER_WITHIN = 230.0
"""Seconds after which Azure's front end gives up on a response, regardless of functionTimeout."""
DRAIN_WITHIN = 10.0
"""Seconds that a stopping host waits for its listeners and runs (WebJobsScriptHostService.StopAsync, host 4.1037).
Invocations that are still running then lose their worker, and the locks of their messages expire."""
TIMER_LEASE = 60.0
"""Seconds for which an instance owns a timer; the others check as often (SingletonOptions, WebJobs SDK 3.0.48)."""
RESTART_PAUSE = 10.0
"""Seconds between two restarts of the Python worker (ProcessRestartInterval)."""
BODY_LIMIT = 104_857_600
"""Largest request in bytes; the app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT changes it in Azure and here."""
