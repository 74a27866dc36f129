"""Measurements: how fast and how cheap Slipway is, compared with other tools, in one run on one machine.

`python -m bench [names…] [--json]` prints a table and writes `bench/results.json`. Machines differ, so every figure
is a ratio: to another tool that does the same, to the same work without Slipway, or to a smaller load.

| benchmark | measures | beside |
|---|---|---|
| `copying` | an image copied between two registries | skopeo, oras-py, dxf, and a bare loop of the requests |
| `accepting` | a hook accepted, 50 senders at once | a function that compares a secret and sends one message |
| `latency` | a push to staging's patch, a vote to production's | the round trips that nobody could leave out |
| `proving` | a vote by proof; the registry asked at a push | a vote by a link; the rest of the push's way |
| `burst` | a push among 1,000 of one application | one among 100 |
| `conflicts` | commits that meet each other, with 16 pushes of one application at once | 1 at once |
| `start` | each role from its start to what it does first | one function with its SDKs |
| `costs` | requests, messages and executions of release 200 | release 10 |
| `audit` | the first page of each question, long trail | short trail |

Two figures are not here, because a test can hold a count without a measurement: the cost of a quiet minute with 1,000
applications (`tests/unit/maintenance/test_due.py`), and the number of trips that wait for each other on the ways that
`latency` measures (`tests/unit/engine/test_trips.py`). Nothing measures the pushes of one application during a burst of
another one, or the way from a push to a cluster compared with other tools.
"""
