"""Hello's acceptance tests: they ask the running service, as a user would, and need nothing but Python.

In a cluster the address comes from the variables that Kubernetes gives to pods for the Service `hello`; elsewhere
set HELLO_URL. EXPECTED_VERSION, where it is set, is the version that must answer. Exits 1 when a check fails.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 5
TIMEOUT_SECONDS = 30
MAX_BYTES = 64 * 1024


class CheckError(Exception):
    """A check that does not hold; the text says what was expected and what came."""


def service_url(environment=os.environ):
    """Where the service is."""
    if url := environment.get("HELLO_URL"):
        return url.rstrip("/")
    host, port = environment.get("HELLO_SERVICE_HOST"), environment.get("HELLO_SERVICE_PORT", "80")
    if not host:
        raise SystemExit("acceptance: expected HELLO_SERVICE_HOST and HELLO_SERVICE_PORT, or HELLO_URL, got neither")
    return f"http://{host}:{port}"


def ask(url, path):
    """(status, body) of an answer, whatever its status."""
    try:
        with urllib.request.urlopen(url + path, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return answer.status, answer.read(MAX_BYTES).decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(MAX_BYTES).decode()


def expect(what, expected, came):
    if came != expected:
        raise CheckError(f"{what}: expected {expected!r}, got {came!r}")


def total_of(url, quantity):
    status, body = ask(url, f"/price?quantity={quantity}")
    expect("status", 200, status)
    return json.loads(body)["total_cents"]


def check_health(url):
    expect("/healthz", (200, "ok"), ask(url, "/healthz"))


def check_greeting(url):
    status, body = ask(url, "/")
    expect("status", 200, status)
    if not json.loads(body)["greeting"]:
        raise CheckError("greeting: expected some text, got none")


def check_version(url):
    if expected := os.environ.get("EXPECTED_VERSION"):
        expect("version", expected, json.loads(ask(url, "/")[1])["version"])


def check_single_price(url):
    expect("total of 1", 250, total_of(url, 1))


def check_discount_starts_at_ten(url):
    expect("total of 9", 2250, total_of(url, 9))
    expect("total of 10", 2250, total_of(url, 10))
    expect("total of 11", 2475, total_of(url, 11))


def check_wrong_quantity_is_refused(url):
    for quantity in ("0", "-1", "many", ""):
        expect(f"status for quantity {quantity!r}", 400, ask(url, f"/price?quantity={quantity}")[0])


CHECKS = {
    "the service is healthy": check_health,
    "it greets": check_greeting,
    "the version that answers is the one that was released": check_version,
    "one greeting costs its price": check_single_price,
    "ten or more are a tenth cheaper": check_discount_starts_at_ten,
    "a wrong quantity is refused": check_wrong_quantity_is_refused,
}


def wait_until_it_answers(url, timeout=TIMEOUT_SECONDS):
    """A Service may need a moment before it reaches new pods; a service that never answers fails its first check."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            ask(url, "/healthz")
        except OSError:
            time.sleep(0.2)
        else:
            return


def run(url, write=sys.stdout.write):
    """Runs every check and writes a line for each; how many failed."""
    failures = 0
    for name, check in CHECKS.items():
        try:
            check(url)
        except (CheckError, OSError, ValueError, KeyError, TypeError) as error:
            failures += 1
            write(f"FAIL  {name}: {error}\n")
        else:
            write(f"PASS  {name}\n")
    write(f"{len(CHECKS) - failures} passed, {failures} failed\n")
    return failures


def main():
    url = service_url()
    sys.stdout.write(f"Acceptance tests of hello at {url}\n")
    wait_until_it_answers(url)
    return 1 if run(url) else 0


if __name__ == "__main__":
    sys.exit(main())
