"""The story of an organization, the double that serves it, and a client with the worker's token."""

from collections.abc import Iterator

import pytest

from local.azuredevops import AzureDevOps

from .support import Client, Story, play_story


@pytest.fixture
def story() -> Story:
    return play_story()


@pytest.fixture
def ask(story: Story) -> Iterator[Client]:
    with AzureDevOps(story.organization) as azure:
        yield Client(azure=azure)
