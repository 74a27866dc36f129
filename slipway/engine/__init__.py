"""What moves releases: an event is decided about and committed, a step has its effect and reports it as an event.

`handle.py`: event → load → decide → commit → send. `run_step.py`: step → lease → effect → event. `parking.py`: what
cannot be handled. `freezing.py`: the freeze of everything, which concerns every application.
"""
