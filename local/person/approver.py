"""Decides on the approval page as a browser would: GET, find the form, POST it to where it points."""

from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin

import urllib3

OK, SEE_OTHER = 200, 303


class PageRefused(Exception):  # noqa: N818
    """The page did not take the decision."""


class _Form(HTMLParser):
    """The first form of a page: where it goes, and its hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = values.get("action") or ""
        elif tag == "input" and values.get("type") == "hidden" and values.get("name"):
            self.fields[str(values["name"])] = values.get("value") or ""


class Approver:
    """A person with a browser."""

    def __init__(self) -> None:
        self._http = urllib3.PoolManager(retries=False, timeout=30)

    def read(self, link: str) -> str:
        """The page behind the link. Reading changes nothing."""
        answer = self._http.request("GET", link)
        if answer.status != OK:
            raise PageRefused(f"the page answered {answer.status}")
        return answer.data.decode()

    def decide(self, link: str, decision: str, reason: str = "") -> None:
        """Send the page's form. Raises `PageRefused`."""
        form = _Form()
        form.feed(self.read(link))
        if form.action is None:
            raise PageRefused("the page has no form: the gate is not open")
        body = urlencode({**form.fields, "decision": decision, "reason": reason})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        answer = self._http.request("POST", urljoin(link, form.action), body=body, headers=headers, redirect=False)
        if answer.status not in (OK, SEE_OTHER):
            raise PageRefused(f"the decision was answered with {answer.status}")
