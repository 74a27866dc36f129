"""The roles of the app: what each must have, and what it must not even be given."""

import pytest

from slipway.bootstrap.roles import FRONT_ONLY, WORKER_ONLY, AppRole, foreign_to
from slipway.bootstrap.settings import Settings, SettingsError, variable
from tests.unit.test_settings import GOOD


def given(role: AppRole) -> dict[str, str]:
    """The settings of the whole app, without those that the role must not have."""
    foreign = {variable(field) for field in foreign_to(role)}
    return {"SLIPWAY_ROLE": str(role)} | {name: value for name, value in GOOD.items() if name not in foreign}


def test_the_roles_share_no_setting_that_only_one_of_them_may_have() -> None:
    assert not WORKER_ONLY & FRONT_ONLY
    assert foreign_to(AppRole.SINGLE) == frozenset()


@pytest.mark.parametrize("role", AppRole)
def test_each_role_starts_with_what_it_needs(role: AppRole) -> None:
    settings = Settings.read(given(role))
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
def test_what_a_role_must_not_have_stops_its_start_by_name(role: AppRole, field: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.read(given(role) | {variable(field): "hush-hush"})
    assert str(refused.value) == f"{variable(field)}: a {role} must not have it; take it out of this app's settings"


@pytest.mark.parametrize(("role", "field"), [(AppRole.FRONT, "hook_secrets"), (AppRole.WORKER, "clusters")])
def test_what_a_role_needs_and_lacks_is_named(role: AppRole, field: str) -> None:
    values = {name: value for name, value in given(role).items() if name != variable(field)}
    with pytest.raises(SettingsError, match=f"{variable(field)}: expected at least one: a {role} app needs it"):
        Settings.read(values)


def test_a_role_that_there_is_not_is_refused() -> None:
    with pytest.raises(SettingsError, match="SLIPWAY_ROLE: expected front, worker, single, got 'boss'"):
        Settings.read(given(AppRole.SINGLE) | {"SLIPWAY_ROLE": "boss"})
