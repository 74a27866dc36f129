"""The programs that copy an image, each run in a process of its own.

Each takes one argument, a JSON object (`source`, `target`: login servers; `repository`, `tag`, `digest`, `ca`: path of
the authority's certificate), copies, and prints `{"seconds": …, "cpu_seconds": …}`: what the copy took, without the
start of Python and its imports, which a warm function app has already done. Those of other projects run in their own
environment.
"""
