"""Decides on the approval page as a browser would: GET the page, POST its form, and poll until the vote was counted."""

import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin

import urllib3

OK, SEE_OTHER = 200, 303
WITHIN = 30.0
"""Seconds within which a vote has to be counted."""
AGAIN = 0.2
"""Seconds between two polls."""


class PageRefused(Exception):  # noqa: N818
    """The page did not accept the decision."""


@dataclass(kw_only=True)
class _Form:
    """A form's target and hidden fields, and the decisions of its buttons."""

    action: str
    hidden: dict[str, str] = field(default_factory=dict)
    buttons: set[str] = field(default_factory=set)


class _Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[_Form] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(_Form(action=values.get("action", "")))
        elif self.found and tag == "input" and values.get("type") == "hidden":
            self.found[-1].hidden[values.get("name", "")] = values.get("value", "")
        elif self.found and tag == "button" and values.get("name") == "decision":
            self.found[-1].buttons.add(values.get("value", ""))


class Approver:
    """A person with a browser."""

    def __init__(self) -> None:
        self._http = urllib3.PoolManager(retries=False, timeout=30)

    def read(self, link: str) -> str:
        """The page behind the link. Reading it changes nothing."""
        response = self._http.request("GET", link)
        if response.status != OK:
            raise PageRefused(f"the page responded with {response.status}")
        return response.data.decode()

    def decide(self, link: str, decision: str, reason: str = "") -> None:
        """Submit the page's form, and wait until the vote was counted. Raises `PageRefused`."""
        forms = _Forms(self.read(link)).found
        form = next((form for form in forms if decision in form.buttons), None)
        if form is None:
            raise PageRefused(f"the page has no form to {decision}: the gate is not open")
        body = urlencode({**form.hidden, "decision": decision, "reason": reason})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        response = self._http.request("POST", urljoin(link, form.action), body=body, headers=headers, redirect=False)
        if response.status != SEE_OTHER:
            raise PageRefused(f"the response to the decision was {response.status}")
        self._until_counted(urljoin(link, response.headers["Location"]))

    def _until_counted(self, address: str) -> None:
        """The page of a received vote refreshes itself; once the vote is counted, it redirects."""
        end = time.monotonic() + WITHIN
        while (response := self._http.request("GET", address, redirect=False)).status != SEE_OTHER:
            if "Refresh" not in response.headers:
                raise PageRefused(f"the vote did not count: {response.status}")
            if time.monotonic() > end:
                raise PageRefused(f"the vote was not counted within {WITHIN:.0f} s")
            time.sleep(AGAIN)
