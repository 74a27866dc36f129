"""The story in an organization, the double that answers for it, and a client with the worker's token."""

from collections.abc import Iterator

import pytest

from local.azuredevops import AzureDevOps

from .support import Client, Story, story


@pytest.fixture
def told() -> Story:
    return story()


@pytest.fixture
def ask(told: Story) -> Iterator[Client]:
    with AzureDevOps(told.organization) as azure:
        yield Client(azure=azure)
