"""Figures about the structure of a checkout, to compare one state of the code with another.

    .venv/bin/python -m scripts.structure [ROOT]                       the figures of one checkout
    .venv/bin/python -m scripts.structure --against OLD --moves FILE   statements by folder, before and after
    .venv/bin/python -m scripts.structure --walks                      calls from a trigger to its first write
    .venv/bin/python -m scripts.structure --names BEFORE AFTER         test functions that are gone without a reason

Only the syntax is read, so that ROOT can be any commit; `--walks` alone runs code of it. Test names are what
`python -m pytest --collect-only tests` prints here.
"""
