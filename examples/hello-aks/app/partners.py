"""Who is a partner, and what partners pay. Their key comes from PARTNER_KEY; without it nobody is a partner."""

import hmac
import os

PERCENT = 95


def is_partner(key, environment=os.environ):
    """Whether the key that came with a question is the partners' one."""
    expected = environment.get("PARTNER_KEY", "")
    return bool(expected) and hmac.compare_digest(key.encode(), expected.encode())


def partner_cents(cents):
    """What a partner pays where others pay `cents`."""
    return cents * PERCENT // 100
