"""Where domain, ledger, effects and config meet, and nowhere else.

`intake.py`: cause → load → decide → commit → send. `perform.py`: step → lease → effect → cause.
`sweep.py`: what was left over. `parking.py`: what cannot be handled. `reading.py`: what pages, API and CLI show.
"""
