# ruff: noqa: PT009 - unittest: the example needs nothing but Python
"""Hello's unit tests: the rules, without a server. `python3 -m unittest discover tests/unit`."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "app"))

import partners
import pricing
import server


class PriceTest(unittest.TestCase):
    def test_ten_or_more_are_a_tenth_cheaper(self):
        self.assertEqual([pricing.total_cents(n) for n in (1, 9, 10, 11)], [250, 2250, 2250, 2475])

    def test_a_wrong_quantity_is_named_in_the_answer(self):
        for quantity in ("0", "-1", "many", "", "1000001"):
            status, answer = server.price({"quantity": [quantity]}, "")
            self.assertEqual(status, 400)
            self.assertIn(repr(quantity), answer["error"])


class PartnerTest(unittest.TestCase):
    def test_the_right_key_makes_a_partner(self):
        self.assertTrue(partners.is_partner("right", {"PARTNER_KEY": "right"}))
        self.assertFalse(partners.is_partner("wrong", {"PARTNER_KEY": "right"}))

    def test_without_a_key_nobody_is_a_partner(self):
        self.assertFalse(partners.is_partner("", {}))
        self.assertFalse(partners.is_partner("", {"PARTNER_KEY": ""}))

    def test_partners_pay_a_twentieth_less(self):
        self.assertEqual(partners.partner_cents(250), 237)


if __name__ == "__main__":
    unittest.main()
