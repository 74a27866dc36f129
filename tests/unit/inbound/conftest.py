"""How long the property tests look; the same examples each time. `HYPOTHESIS_PROFILE=explore` looks further."""

import os

from hypothesis import settings

settings.register_profile("same-each-time", max_examples=200, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("explore", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same-each-time"))
