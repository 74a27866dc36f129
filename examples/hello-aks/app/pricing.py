"""What a number of greetings costs. The rule worth testing: ten or more are a tenth cheaper."""

UNIT_CENTS = 250
DISCOUNT_FROM = 10
DISCOUNT_PERCENT = 10


def total_cents(quantity: int) -> int:
    """The price of `quantity` greetings, in cents."""
    full = quantity * UNIT_CENTS
    if quantity >= DISCOUNT_FROM:
        return full * (100 - DISCOUNT_PERCENT) // 100
    return full
