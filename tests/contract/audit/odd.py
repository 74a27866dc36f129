"""Records that are hard to serialize, so that the canonical form needs a clear rule for them."""

from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft

NASTY = (
    '=HYPERLINK("http://evil.example")\t\x7f\u2028\u2029é e\u0301 \U0001f6a2 \\ / " \b\f\n\r\x01 \ufeff \ud7ff\ue000'
)

ODD = (
    AuditDraft(action=Action.INPUT_PARKED, actor="", details={}),
    AuditDraft(action=Action.INPUT_PARKED, actor=NASTY, environment="", digest="@x", details={NASTY: NASTY, "": None}),
    AuditDraft(
        action=Action.INPUT_PARKED,
        actor="+1",
        details={
            "integers": [0, -1, 2**53 - 1, 1 - 2**53],
        },
    ),
    AuditDraft(
        action=Action.INPUT_PARKED,
        actor="-1+1",
        # U+FFFD sorts before U+1F6A2 by code point, but after it by UTF-16 code unit, as RFC 8785 sorts
        details={
            "\ufffd": 1,
            "\U0001f6a2": 2,
            "B": 3,
            "a": 4,
            "é": 5,
            "10": 6,
            "9": 7,
            "nested": {"b": [{}, []], "a": {}},
        },
    ),
    AuditDraft(action=Action.INPUT_PARKED, actor="ada@example.com", details={"log": "🚢" * 20_000}),
)
