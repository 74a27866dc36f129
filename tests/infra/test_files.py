"""Every Bicep file: it parses, its names are declared and used, its modules get what they ask for."""

import json
from pathlib import Path

import pytest

from tests.infra.bicep import FILES, INFRA, ROOT, Bicep, Declaration, at, literal, load_all, properties, text, walk

VERSIONS = json.loads((ROOT / "tests/infra/api-versions.json").read_text(encoding="utf-8"))
TAGLESS = frozenset(
    {
        "Microsoft.Authorization/roleAssignments",
        "Microsoft.Insights/dataCollectionRuleAssociations",
        "Microsoft.Insights/diagnosticSettings",
        "Microsoft.ServiceBus/namespaces/queues",
        "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
        "Microsoft.Web/sites/config",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    }
)
"""Types without tags, besides the parts of a storage account."""

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(INFRA).as_posix())


def _modules() -> list[tuple[Bicep, Declaration]]:
    return [(file, module) for file in load_all() for module in file.of("module").values()]


@every_file
def test_a_file_parses(path: Path) -> None:
    assert Bicep(path).syntax_errors() == []


@every_file
def test_every_name_is_declared(path: Path) -> None:
    assert Bicep(path).undeclared() == []


@every_file
def test_every_parameter_and_variable_is_used(path: Path) -> None:
    assert Bicep(path).unused() == []


@every_file
def test_no_name_is_declared_twice(path: Path) -> None:
    names = [found.name for found in Bicep(path).declarations if found.kind != "output"]
    assert sorted(names) == sorted(set(names))


@every_file
def test_only_constructs_that_the_checkers_understand_are_used(path: Path) -> None:
    """Registry modules cannot be had offline; the others are refused by tree-sitter's grammar or by checkov's."""
    file = Bicep(path)
    refused = {"user_defined_function", "import_statement", "import_functionality", "lambda_expression"}
    refused |= {"spread_expression", "type_declaration", "nullable_type", "union_type"}
    assert [node.type for node in walk(file.root) if node.type in refused] == []
    assert "br/public:" not in text(file.root)


@every_file
def test_resources_have_the_versions_on_the_list(path: Path) -> None:
    found = {(d.type, d.version) for d in Bicep(path).resources.values()}
    assert [f"{kind}@{version}" for kind, version in found if VERSIONS.get(kind) != version] == []


def test_the_list_of_versions_names_nothing_else() -> None:
    used = {d.type for file in load_all() for d in file.resources.values()}
    assert sorted(VERSIONS) == sorted(used)


def test_every_module_file_is_used_and_exists() -> None:
    used = {(file.path.parent / module.source).resolve() for file, module in _modules()}
    assert used == {path for path in FILES if path.parent.name == "modules"}


def test_modules_get_exactly_the_parameters_that_they_declare() -> None:
    wrong = {}
    for file, module in _modules():
        declared = Bicep((file.path.parent / module.source).resolve()).of("param")
        given = set(properties(at(module.body, "params")))
        needed = {name for name, param in declared.items() if not param.has_default}
        if not needed <= given <= set(declared):
            wrong[module.name] = {"missing": sorted(needed - given), "unknown": sorted(given - set(declared))}
    assert wrong == {}


def test_outputs_that_are_read_exist_and_all_are_read() -> None:
    wrong = []
    for file, module in _modules():
        declared = set(Bicep((file.path.parent / module.source).resolve()).of("output"))
        marks = text(file.root).split(f"{module.name}.outputs.")[1:]
        read = {"".join(_name(mark)) for mark in marks}
        wrong += [f"{module.name}.outputs.{name}" for name in sorted(read - declared)]
    assert wrong == []
    everything = "".join(text(file.root) for file in load_all())
    for file in load_all():
        if file.path.parent.name == "modules":
            assert [name for name in file.of("output") if f".outputs.{name}" not in everything] == [], file.name


def _name(rest: str) -> str:
    return rest[: next((i for i, character in enumerate(rest) if not (character.isalnum() or character == "_")), None)]


def test_main_and_its_parameters_file_agree() -> None:
    given = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    assert sorted(given) == sorted(Bicep(INFRA / "main.bicep").of("param"))


def test_parameters_that_azd_does_not_know_have_a_default_or_come_from_a_hook() -> None:
    """azd asks for a parameter without a value, which stops an unattended run."""
    given = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    without = {item["value"] for item in given.values() if "=" not in item["value"]}
    assert without == {"${AZURE_ENV_NAME}", "${AZURE_LOCATION}", "${SLIPWAY_SIGN_IN_CLIENT_ID}"}
    assert "azd env set SLIPWAY_SIGN_IN_CLIENT_ID" in (INFRA / "hooks/preprovision.sh").read_text(encoding="utf-8")


@every_file
def test_every_resource_that_can_has_tags(path: Path) -> None:
    file = Bicep(path)
    bare = [
        resource.name
        for resource in file.resources.values()
        if not resource.existing
        and resource.type not in TAGLESS
        and not resource.type.startswith("Microsoft.Storage/storageAccounts/")
        and "tags" not in properties(resource.body)
    ]
    assert bare == []


def test_azd_finds_its_resources_by_their_tags() -> None:
    main, app = Bicep(INFRA / "main.bicep"), Bicep(INFRA / "modules/app.bicep")
    tags = next(node for node in walk(main.of("var")["tags"].node) if node.type == "object")
    assert text(properties(tags)["azd-env-name"]) == "environmentName"
    site = at(app.resources["app"].body, "tags")
    assert site is not None
    named = next(node for node in walk(site) if node.type == "object")
    assert literal(properties(named)["azd-service-name"]) == "app"


@every_file
def test_no_output_holds_a_secret(path: Path) -> None:
    file = Bicep(path)
    secret = {name for name, param in file.of("param").items() if file.has_decorator(param, "secure")}
    for output in file.of("output").values():
        told = text(output.node)
        names = {text(node) for node in walk(output.node) if node.type in ("identifier", "property_identifier")}
        assert not names & secret
        assert not [name for name in names if name.startswith("list")], told
        assert not any(
            word in told.casefold() for word in ("key", "secret", "password", "connectionstring", "token(")
        ), told


@every_file
def test_no_key_is_read_anywhere(path: Path) -> None:
    """The one list function that is called gives the kubeconfig of a cluster with Entra sign-in: it holds no secret."""
    called = {text(n) for n in walk(Bicep(path).root) if n.type == "property_identifier" and text(n).startswith("list")}
    assert called <= {"listClusterUserCredential"}


@every_file
def test_whatever_can_be_opened_with_a_key_is_closed_to_keys(path: Path) -> None:
    wanted = {
        "Microsoft.Storage/storageAccounts": ("allowSharedKeyAccess", "false"),
        "Microsoft.ServiceBus/namespaces": ("disableLocalAuth", "true"),
        "Microsoft.Insights/components": ("DisableLocalAuth", "true"),
        "Microsoft.ContainerRegistry/registries": ("adminUserEnabled", "false"),
        "Microsoft.ContainerService/managedClusters": ("disableLocalAccounts", "true"),
        "Microsoft.KeyVault/vaults": ("enableRbacAuthorization", "true"),
        "Microsoft.Web/sites/basicPublishingCredentialsPolicies": ("allow", "false"),
    }
    for resource in Bicep(path).resources.values():
        if resource.type in wanted and not resource.existing:
            name, value = wanted[resource.type]
            found = at(resource.body, "properties", name)
            assert found is not None, f"{resource.name}: {name} is not stated"
            assert text(found) == value


def test_registries_state_how_rights_are_given() -> None:
    mode = at(Bicep(INFRA / "modules/registry.bicep").resources["registry"].body, "properties", "roleAssignmentMode")
    assert literal(mode) == "AbacRepositoryPermissions"
