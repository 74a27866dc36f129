"""How long the property tests look. `HYPOTHESIS_PROFILE=explore` looks further, and elsewhere each time."""

import os

from hypothesis import settings

settings.register_profile("same-each-time", max_examples=100, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("explore", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same-each-time"))
