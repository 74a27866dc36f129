# ruff: noqa: PT009, S603 - unittest and processes of its own: the example needs nothing but Python
"""Hello's integration tests: against the started server. `python3 -m unittest discover tests/integration`.

PARTNER_KEY is the secret that they need; CI takes it from Key Vault, and any text will do elsewhere.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path
from shutil import copytree

HELLO = Path(__file__).resolve().parents[2]


class Service:
    """The server as a process of its own, on a free port."""

    def __init__(self, app, **environment):
        self.process = subprocess.Popen(
            [sys.executable, str(app / "server.py")],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HOST": "127.0.0.1", "PORT": "0", **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.first_line = self.process.stderr.readline()
        self.url = "http://127.0.0.1:" + self.first_line.split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def acceptance(app, url, **environment):
    """The finished acceptance tests of this app, as the Job runs them."""
    return subprocess.run(
        [sys.executable, str(app / "acceptance.py")],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HELLO_URL": url, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def preflight(app):
    return subprocess.run(
        [sys.executable, str(app / "preflight.py")],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def partner_key():
    key = os.environ.get("PARTNER_KEY", "")
    if not key:
        raise AssertionError("PARTNER_KEY: expected the partners' key, got none")
    return key


def total_of(url, quantity, key):
    question = urllib.request.Request(f"{url}/price?quantity={quantity}", headers={"X-Partner-Key": key})  # noqa: S310
    with urllib.request.urlopen(question, timeout=30) as answer:  # noqa: S310
        return json.load(answer)["total_cents"]


class HelloTest(unittest.TestCase):
    def test_a_partner_pays_less_and_others_do_not(self):
        with Service(HELLO / "app", PARTNER_KEY=partner_key()) as service:
            self.assertEqual(total_of(service.url, 10, partner_key()), 2137)
            self.assertEqual(total_of(service.url, 10, "another key"), 2250)

    def test_a_good_version_passes_its_acceptance_tests(self):
        app = HELLO / "app"
        with Service(app, APP_VERSION="1.0.0") as service:
            done = acceptance(app, service.url, EXPECTED_VERSION="1.0.0")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("PASS  ten or more are a tenth cheaper\n", done.stdout)
        self.assertTrue(done.stdout.endswith("6 passed, 0 failed\n"))

    def test_the_wrong_total_variant_is_healthy_and_fails_one_check(self):
        with tempfile.TemporaryDirectory() as folder:
            app = Path(folder) / "app"
            copytree(HELLO / "app", app)
            copytree(HELLO / "variants" / "wrong-total" / "app", app, dirs_exist_ok=True)
            with Service(app) as service:
                done = acceptance(app, service.url)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("PASS  the service is healthy\n", done.stdout)
        self.assertIn("FAIL  ten or more are a tenth cheaper: total of 10: expected 2250, got 2500\n", done.stdout)
        self.assertTrue(done.stdout.endswith("5 passed, 1 failed\n"))

    def test_another_version_than_the_released_one_fails(self):
        app = HELLO / "app"
        with Service(app, APP_VERSION="1.0.0") as service:
            done = acceptance(app, service.url, EXPECTED_VERSION="1.0.1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("version: expected '1.0.1', got '1.0.0'", done.stdout)

    def test_the_address_comes_from_what_kubernetes_gives_to_pods(self):
        app = HELLO / "app"
        with Service(app) as service:
            host, _, port = service.url.removeprefix("http://").partition(":")
            done = acceptance(app, "", HELLO_SERVICE_HOST=host, HELLO_SERVICE_PORT=port)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_preflight_tells_whether_this_version_starts(self):
        self.assertEqual(preflight(HELLO / "app").returncode, 0)
        with tempfile.TemporaryDirectory() as folder:
            app = Path(folder) / "app"
            copytree(HELLO / "app", app)
            (app / "pricing.py").unlink()
            done = preflight(app)
        self.assertEqual(done.returncode, 1)
        self.assertIn("preflight: expected an answer within 20 s, got none", done.stdout)

    def test_without_an_address_it_says_what_is_missing(self):
        done = acceptance(HELLO / "app", "", HELLO_SERVICE_HOST="")
        self.assertEqual(done.returncode, 1)
        self.assertIn("expected HELLO_SERVICE_HOST and HELLO_SERVICE_PORT, or HELLO_URL", done.stderr)

    @unittest.skipUnless(os.name == "posix", "containers end by SIGTERM")
    def test_the_server_says_its_version_and_ends_on_sigterm(self):
        with Service(HELLO / "app", APP_VERSION="1.0.0") as service:
            service.process.terminate()
            self.assertEqual(service.process.wait(timeout=30), 0)
        self.assertTrue(service.first_line.startswith("hello 1.0.0 listens on "))


if __name__ == "__main__":
    unittest.main()
