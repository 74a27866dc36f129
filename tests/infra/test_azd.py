"""azure.yaml names what is there."""

import yaml

from tests.infra.bicep import INFRA, ROOT, Bicep

CONFIG = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
HOOKS = {"preprovision", "postprovision", "predeploy", "postdeploy", "preup", "postup", "predown", "postdown"}


def test_the_template_is_where_azd_looks_for_it() -> None:
    infra = CONFIG["infra"]
    assert (infra["provider"], ROOT / infra["path"]) == ("bicep", INFRA)
    assert (INFRA / f"{infra['module']}.bicep").is_file()
    assert (INFRA / f"{infra['module']}.parameters.json").is_file()


def test_the_service_is_the_function_app() -> None:
    assert CONFIG["services"] == {"app": {"project": ".", "language": "python", "host": "function"}}
    assert (ROOT / "function_app.py").is_file()
    assert (ROOT / "requirements.txt").is_file()


def test_hooks_are_known_to_azd_and_can_be_run() -> None:
    assert set(CONFIG["hooks"]) <= HOOKS
    scripts = [ROOT / hook["run"] for hook in CONFIG["hooks"].values()]
    assert sorted(scripts) == sorted((INFRA / "hooks").glob("*.sh"))
    assert all(script.stat().st_mode & 0o111 for script in scripts)


def test_the_post_deploy_template_takes_what_the_main_one_gives() -> None:
    assert set(Bicep(INFRA / "postdeploy.bicep").of("param")) == {
        *("systemTopicName", "appName", "storageName", "deadEventsContainer")
    }
