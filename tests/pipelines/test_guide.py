"""docs/how-to/connect-a-pipeline.md says what the templates do."""

import json
import re
from datetime import UTC, datetime

import pytest
import yaml

from slipway.domain.pipeline import Pipeline as Followed
from slipway.inbound import parse_run_message

from .conftest import ROOT
from .expander import instantiate, parameters_of
from .model import Pipeline
from .programs import DIGEST

GUIDE = (ROOT / "docs" / "how-to" / "connect-a-pipeline.md").read_text(encoding="utf-8")
YAML, JSON = (re.findall(rf"```{kind}\n(.*?)```", GUIDE, re.DOTALL) for kind in ("yaml", "json"))


@pytest.mark.parametrize("template", ["pr.yml", "ci.yml"])
def test_every_parameter_is_explained(template: str) -> None:
    declared, _ = parameters_of(ROOT / "pipelines" / template)
    explained = set(re.findall(r"`(\w+)`", GUIDE))
    assert declared <= explained


@pytest.mark.parametrize("text", YAML[:2], ids=["pr", "ci"])
def test_the_pipelines_of_the_guide_compile(text: str) -> None:
    pipeline = yaml.safe_load(text)
    extends = pipeline.pop("extends")
    template = ROOT / extends["template"].removesuffix("@slipway")
    Pipeline.model_validate({**pipeline, **instantiate(template, extends["parameters"])})


def test_the_application_of_the_guide_is_valid() -> None:
    application = yaml.safe_load(YAML[2])
    assert Followed.model_validate(application["pipeline"]).tag == "{run_number}"


def test_the_message_of_the_guide_is_understood() -> None:
    event = parse_run_message(JSON[0].replace("sha256:…", DIGEST).encode(), now=datetime(2026, 11, 23, tzinfo=UTC))
    assert (event.repository, event.digest, event.claims.number) == ("team/shop", DIGEST, "1.0.17")
    assert json.loads(JSON[0])["result"] == "succeeded"
