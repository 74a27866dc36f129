"""One version of an application: the application inside its project, and its files."""

from dataclasses import dataclass

from slipway.domain.application import Application

from .files import Files


@dataclass(frozen=True, kw_only=True)
class Definition:
    """An application that was checked, with its files."""

    application: Application
    files: Files
