"""Pages for people: read models in, HTML out. No scripts, one stylesheet, everything escaped.

`board.py`, `release.py`, `parked.py` and `approval.py` turn domain records into view models and render them.
`approving.py` takes votes. `words.py`, `times.py` and `text.py` say things the way people do. `answer.py` gives every
answer the same headers. The blueprints in `functions/` fetch nothing themselves: they call these modules and pass the
result on.
"""
