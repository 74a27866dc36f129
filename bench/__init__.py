"""Measurements: what Slipway is fast and cheap at, beside what others are, in one run on one machine.

`python -m bench [names…] [--json]` prints a table and writes `bench/results.json`. Machines differ, so every figure
is a ratio: to another tool that does the same, to the same work without Slipway, or to a smaller load.
"""
