"""The programs that copy an image, one process for each measurement.

Each takes one argument, a JSON object (`source`, `target`: login servers; `repository`, `tag`, `digest`, `ca`: path of
the authority's certificate), copies, and prints `{"seconds": …, "cpu_seconds": …}`: what the copy took, without the
start of Python and its imports, which a warm function app has behind it. Those of other projects run in an environment
of their own.
"""
