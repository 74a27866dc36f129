"""The roles of the app: what each must have, and which settings it must not even have."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.bootstrap import app
from slipway.bootstrap.azure import azure_ports
from slipway.bootstrap.roles import FRONT_ONLY, WORKER_ONLY, AppRole, foreign_to
from slipway.bootstrap.settings import Settings, SettingsError
from slipway.bootstrap.settings_names import variable
from slipway.clock import utc_now
from slipway.domain.keyring import format_keys
from slipway.domain.signing import KeysUnavailable
from slipway.domain.tokens import ApprovalClaims, read_link, sign_link
from tests.links import link_by, public_of
from tests.unit.test_settings import GOOD

ROOT = Path(__file__).resolve().parents[2]


def settings_of(role: AppRole) -> dict[str, str]:
    """The settings of the whole app, without those that the role must not have."""
    foreign = {variable(field) for field in foreign_to(role)}
    return {"SLIPWAY_ROLE": str(role)} | {name: value for name, value in GOOD.items() if name not in foreign}


def test_no_setting_is_only_for_the_worker_and_only_for_the_front() -> None:
    assert not WORKER_ONLY & FRONT_ONLY
    assert foreign_to(AppRole.SINGLE) == frozenset()


@pytest.mark.parametrize("role", AppRole)
def test_each_role_starts_with_the_settings_that_it_needs(role: AppRole) -> None:
    settings = Settings.read(settings_of(role))
    assert settings.role is role
    assert bool(settings.signing_keys) is role.works
    assert bool(settings.hook_secrets) is role.answers


@pytest.mark.parametrize(
    ("role", "field"),
    [
        (role, field)
        for role in (AppRole.FRONT, AppRole.WORKER)
        for field in sorted(foreign_to(role) & Settings.model_fields.keys())
    ],
)
def test_a_setting_that_a_role_must_not_have_is_named_and_stops_the_start(role: AppRole, field: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.read(settings_of(role) | {variable(field): "hush-hush"})
    assert str(refused.value) == f"{variable(field)}: a {role} must not have it; remove it from this app's settings"


@pytest.mark.parametrize(("role", "field"), [(AppRole.FRONT, "hook_secrets"), (AppRole.WORKER, "clusters")])
def test_a_missing_setting_that_a_role_needs_is_named(role: AppRole, field: str) -> None:
    settings = {name: value for name, value in settings_of(role).items() if name != variable(field)}
    with pytest.raises(SettingsError, match=f"{variable(field)}: expected at least one: a {role} app needs it"):
        Settings.read(settings)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(SettingsError, match="SLIPWAY_ROLE: expected front, worker, single, got 'boss'"):
        Settings.read(settings_of(AppRole.SINGLE) | {"SLIPWAY_ROLE": "boss"})


def test_a_front_loads_no_module_of_clusters_and_a_worker_none_of_pages() -> None:
    """Each in a process of its own, as the host loads it."""
    assert loaded_modules(AppRole.FRONT, ("slipway.effects.cluster", "slipway.engine.run_step", "kubernetes")) == "[]"
    assert loaded_modules(AppRole.WORKER, ("functions.pages", "functions.api", "functions.hooks")) == "[]"


def loaded_modules(role: AppRole, modules: tuple[str, ...]) -> str:
    """Which of the modules an app of this role has loaded once it is up."""
    program = f"import sys, function_app; print([m for m in sys.modules if m.startswith({modules!r})])"
    environment = {"PATH": os.environ["PATH"], **settings_of(role)}
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def test_a_front_verifies_links_with_public_keys_alone_and_can_sign_none() -> None:
    seeds = {"2026-11": b"k" * 32}
    settings = Settings.read(
        settings_of(AppRole.FRONT) | {"SLIPWAY_PUBLIC_KEYS": format_keys(public_of(seeds).by_id())}
    )
    front = app(azure_ports(settings), settings)
    claims = ApprovalClaims(
        expires_at=utc_now() + timedelta(days=1),
        application="shop",
        release=1,
        environment="production",
        plan_hash="sha256:" + "a" * 64,
        approver="ada@example.com",
        opening=1,
    )
    assert read_link(link_by(seeds, claims), front.public_keys, now=utc_now()) == claims
    with pytest.raises(KeysUnavailable, match="this app is a front"):
        sign_link(claims, front.signer)
