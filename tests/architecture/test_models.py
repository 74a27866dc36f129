"""Pydantic builds a model when it is first used, so that a start does not wait for models that it never uses."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

import slipway


def subclasses_of(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in kind.__subclasses__():
        yield model
        yield from subclasses_of(model)


@pytest.fixture(scope="module")
def models() -> list[type[BaseModel]]:
    for module in pkgutil.walk_packages(slipway.__path__, "slipway."):
        importlib.import_module(module.name)
    return [model for model in dict.fromkeys(subclasses_of(BaseModel)) if model.__module__.startswith("slipway.")]


def test_no_model_is_built_by_an_import(models: list[type[BaseModel]]) -> None:
    assert not [model for model in models if not model.model_config.get("defer_build")]


def test_every_model_can_be_built(models: list[type[BaseModel]]) -> None:
    """A mistake in a model would otherwise first be seen by the request that needs it."""
    assert len(models) > 300
    for model in models:
        model.model_rebuild(force=True)
        assert model.__pydantic_complete__
