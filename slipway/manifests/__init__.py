"""Kubernetes manifests as text: YAML read within limits, the line of each value, what an object may be, its images.

An application's folder in the catalogue and a bundle are read by the same rules. `documents.py` reads, with the help of
`composing.py` and `scalars.py`. `objects.py` checks an object; `images.py` finds the images that it names.
`problems.py` is the form of all their problems.
"""
