"""Moves releases: events are decided and committed; steps are executed and report back as events.

`handle.py`: event → load → decide → commit → send. `run_step.py`: step → lease → effect → event. `parking.py`: input
that cannot be handled. `freezing.py`: the freeze of everything, which spans all applications.
"""
