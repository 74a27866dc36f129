"""azure.yaml names files that exist, and `azd up` asks only for the subscription and the region."""

import json
import re
from collections.abc import Mapping

import pytest
import yaml

from tests.infra.azd import KNOWN_TO_AZD, NotModelledError, resolve
from tests.infra.compiler import INFRA, OPTIONS, ROOT, interface, stored
from tests.infra.installed import SITE, of_type

CONFIG = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
PARAMETERS = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
VARIABLES = {name: item["value"].removeprefix("${").removesuffix("}") for name, item in PARAMETERS.items()}
DECLARED = interface()["parameters"]
GUIDE = (ROOT / "docs/how-to/install-into-azure.md").read_text(encoding="utf-8")
HOOKS = {"preprovision", "postprovision", "predeploy", "postdeploy", "preup", "postup", "predown", "postdown"}
SET_BY_A_HOOK = {
    "SLIPWAY_SIGN_IN_CLIENT_ID",
    "SLIPWAY_VOTES_CLIENT_ID",
    "SLIPWAY_AUDIT_POLICY_LOCKED",
    "SLIPWAY_RECOVER_VAULT",
}
"""Settings that the preprovision hook finds by itself."""

READ_BY_A_HOOK = {"SLIPWAY_APP_ROLES"}
"""Settings of a person that are not parameters of the template."""

NEW = {"AZURE_ENV_NAME": "try"}
"""An environment as `azd env new try` leaves it."""

SAMPLES = {
    "string": ("some text", "some text"),
    "int": ("3", 3),
    "bool": ("true", True),
    "object": ('{"A": "b"}', {"A": "b"}),
}
"""A value that a person sets, and the value that must arrive."""


def test_nobody_is_asked_for_anything_but_the_subscription_and_the_region() -> None:
    assert resolve(DECLARED, PARAMETERS, NEW).missing == ["location"]
    assert resolve(DECLARED, PARAMETERS, {**NEW, "AZURE_LOCATION": "westeurope"}).missing == []


def test_parameters_that_nobody_set_are_left_to_the_template() -> None:
    resolved = resolve(DECLARED, PARAMETERS, {**NEW, "AZURE_LOCATION": "westeurope"})
    assert resolved.values == {"environmentName": "try", "location": "westeurope"}


def test_every_parameter_has_a_variable_of_its_own_and_its_default_in_the_template_alone() -> None:
    assert set(PARAMETERS) == set(DECLARED)
    assert len(set(VARIABLES.values())) == len(VARIABLES)
    assert [value for value in VARIABLES.values() if not re.fullmatch(r"(AZURE|SLIPWAY)_[A-Z_]+", value)] == []


@pytest.mark.parametrize("name", sorted(set(DECLARED) - {"environmentName", "location"}))
def test_a_value_that_somebody_sets_arrives_in_the_type_that_the_template_declares(name: str) -> None:
    text, expected = SAMPLES[DECLARED[name]["type"]]
    resolved = resolve(DECLARED, PARAMETERS, {**NEW, VARIABLES[name]: text})
    assert resolved.values[name] == expected


def test_an_empty_text_replaces_a_default() -> None:
    resolved = resolve(DECLARED, PARAMETERS, {**NEW, VARIABLES["stagingNamespaces"]: ""})
    assert resolved.values["stagingNamespaces"] == ""


def test_a_parameter_without_a_default_would_be_asked_for_whatever_the_file_says() -> None:
    """A `${NAME=}` once looked like a default here, and made azd ask."""
    declared = {"publicUrl": {"type": "string"}}
    assert resolve(declared, {"publicUrl": {"value": "${SLIPWAY_CUSTOM_URL}"}}, NEW).missing == ["publicUrl"]
    with pytest.raises(NotModelledError):
        resolve(declared, {"publicUrl": {"value": "${SLIPWAY_CUSTOM_URL=}"}}, NEW)


def test_a_registration_that_a_hook_makes_after_azds_first_look_is_in_the_deployment() -> None:
    """azd asks first, runs the hook, reads the environment again, and then works the values out again."""
    before = {**NEW, "AZURE_LOCATION": "westeurope"}
    assert "signInClientId" not in resolve(DECLARED, PARAMETERS, before).values
    after = {**before, "SLIPWAY_SIGN_IN_CLIENT_ID": "00000000-0000-0000-0000-000000000003"}
    assert resolve(DECLARED, PARAMETERS, after).values["signInClientId"] == after["SLIPWAY_SIGN_IN_CLIENT_ID"]


def test_the_guide_describes_every_variable_and_no_other() -> None:
    choices = GUIDE.partition("## Choices")[2].partition("\n### ")[0]
    described = set(re.findall(r"`(SLIPWAY_[A-Z_]+)`", choices))
    assert described - READ_BY_A_HOOK == set(VARIABLES.values()) - KNOWN_TO_AZD - SET_BY_A_HOOK


def test_the_template_is_where_azd_looks_for_it() -> None:
    infra = CONFIG["infra"]
    assert (infra["provider"], ROOT / infra["path"]) == ("bicep", INFRA)
    assert (INFRA / f"{infra['module']}.bicep").is_file()
    assert (INFRA / f"{infra['module']}.parameters.json").is_file()


@pytest.mark.parametrize("name", CONFIG["services"])
def test_a_service_deploys_the_package_that_its_hook_makes_and_azure_builds_nothing(name: str) -> None:
    service = CONFIG["services"][name]
    assert (service["language"], service["host"]) == ("python", "function")
    assert service["remoteBuild"] is False
    assert service["dist"] == f"build/{name}", "azd packages both at once: neither may take the other's folder"
    hook = (ROOT / service["hooks"]["prepackage"]["run"]).read_text(encoding="utf-8")
    assert f'package("{name}")' in hook


def deployed(environment: Mapping[str, str]) -> set[str]:
    """The services that azd deploys: those without a condition, and those whose condition is one of its words for yes.
    It works conditions out before any hook runs and before anything is provisioned."""
    names = set()
    for name, service in CONFIG["services"].items():
        condition = service.get("condition", "true")
        match = re.fullmatch(r"\$\{(\w+):-(\w+)\}|(\w+)", condition)
        assert match is not None, condition
        value = match[3] or environment.get(match[1]) or match[2]
        if value in ("1", "true", "TRUE", "True", "yes", "YES", "Yes"):
            names.add(name)
    return names


@pytest.mark.parametrize(
    ("split", "option"),
    [({}, "default"), ({"SLIPWAY_SPLIT": "true"}, "default"), ({"SLIPWAY_SPLIT": "false"}, "single")],
)
def test_each_service_that_azd_deploys_has_an_app_and_each_app_a_service(split: dict[str, str], option: str) -> None:
    values = resolve(DECLARED, PARAMETERS, {**NEW, "AZURE_LOCATION": "westeurope", **split}).values
    assert values.get("split", True) == OPTIONS[option].get("split", True)
    tags = [app["tags"]["azd-service-name"] for app in of_type(stored(option), SITE)]
    assert sorted(tags) == sorted(deployed(split))


def test_hooks_are_known_to_azd_and_run_by_an_azd_that_knows_python() -> None:
    assert set(CONFIG["hooks"]) <= HOOKS
    hooks = [
        *CONFIG["hooks"].values(),
        *(hook for service in CONFIG["services"].values() for hook in service["hooks"].values()),
    ]
    scripts = {ROOT / hook["run"] for hook in hooks}
    assert all(script.is_file() and script.suffix == ".py" for script in scripts)
    programs = {path for path in (INFRA / "hooks").glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}
    assert programs - scripts == {INFRA / "hooks/registrations.py"}, "a person runs this one, for the list of steps"
    assert CONFIG["requiredVersions"] == {"azd": ">= 1.31.0"}


def test_hooks_that_run_at_the_same_time_have_virtual_environments_of_their_own() -> None:
    """azd makes a virtual environment for hooks in Python, and packages while it provisions."""
    sequential = {hook["config"]["virtualEnvName"] for hook in CONFIG["hooks"].values()}
    concurrent = [service["hooks"]["prepackage"]["config"]["virtualEnvName"] for service in CONFIG["services"].values()]
    assert len({*concurrent, *sequential}) == len(concurrent) + len(sequential)
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert [name for name in {*sequential, *concurrent} if name not in ignored] == []
