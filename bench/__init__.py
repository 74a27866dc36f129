"""Measurements: how fast and how cheap Slipway is, compared with other tools, in one run on one machine.

`python -m bench [names…] [--json]` prints a table and writes `bench/results.json`. Machines differ, so every figure
is a ratio: to another tool that does the same, to the same work without Slipway, or to a smaller load.

| benchmark | measures | compared with |
|---|---|---|
| `copying` | copying an image between two registries | skopeo, oras-py, dxf, and a bare loop of the requests |
| `accepting` | accepting a hook, with 50 senders at once | a function that checks a secret and sends a message |
| `latency` | from a push to staging's patch, from a vote to production's | the round trips that cannot be avoided |
| `proving` | a signed vote; asking the registry about a push | a vote by link; the rest of the push's processing |
| `burst` | the time per push when 1,000 arrive for one application | when 100 arrive |
| `conflicts` | commits that collide, with 16 pushes of one application at once | 1 at once |
| `start` | the start of each role, until its first piece of work is done | one function with its SDKs |
| `costs` | requests, messages and executions of release 200 | release 10 |
| `audit` | the first page of each question, long trail | short trail |

Two figures are not here, because a test can assert a count without measuring: the cost of a quiet minute with 1,000
applications (`tests/unit/maintenance/test_due.py`), and the number of sequential round trips on the paths that
`latency` measures (`tests/unit/engine/test_trips.py`). Nothing measures the pushes of one application during a burst of
another, or the path from a push to a cluster compared with other tools.
"""
