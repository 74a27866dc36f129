"""Projects and applications: as documents, as definitions with their files, and as the catalogue of an installation.

This layer turns text into domain records and plain dicts, and names each problem with file, line and field. It sits
beside the ledger and the effects. The layers above ask it whether a document may be applied (`checking.py`), for an
application (`entries.py`), whether a tag starts a release (`check_tag`), and for the exact objects of a rollout
(`render_objects`, `render_job`).
"""

from ..manifests.problems import ConfigError, Problem, Unjudged
from .checking import (
    CheckedDocuments,
    SettingsNames,
    check_application,
    check_each,
    check_path,
    check_project,
)
from .conflicts import SampleObject
from .definition import Definition
from .files import Files
from .finding import FoundDocument, find
from .rendering import BUILT_INS, labelled_object, render_job, render_jobs_around, render_objects
from .tags import check_tag, downgrade

__all__ = [
    "BUILT_INS",
    "CheckedDocuments",
    "ConfigError",
    "Definition",
    "Files",
    "FoundDocument",
    "Problem",
    "SampleObject",
    "SettingsNames",
    "Unjudged",
    "check_application",
    "check_each",
    "check_path",
    "check_project",
    "check_tag",
    "downgrade",
    "find",
    "labelled_object",
    "render_job",
    "render_jobs_around",
    "render_objects",
]
