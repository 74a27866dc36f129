"""The doctor: checks every permission and connection that the app needs, one at a time.

The checks run in the app, because it is the app's identity that needs the rights; `slipway doctor` asks for them one by
one and shows them. A check changes nothing, or removes what it has added, and says so.
"""

from .check_input import CheckInput
from .checks import Doctor
from .fix_hints import FixHints

__all__ = ["CheckInput", "Doctor", "FixHints"]
