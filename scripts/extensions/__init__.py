"""Shows that Slipway is extended where docs/contributing/extending.md says, and that no place can be forgotten.

Each patch beside this file adds one thing that somebody will ask for. `python -m scripts.extensions` applies each to a
scratch copy of this checkout, has it checked and tested, and counts the files that it touches. Then it leaves out one
part of the patch after the other, and expects the type check or a test to say so. With `NAME …` it does this for some
of them only.
"""
