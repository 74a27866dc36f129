"""The app with steps that are taken over sooner: the steps of an instance that died or was paused lapse in a third of
the time, since all that tests could do meanwhile is wait. Everything else is as in the product: a step is taken over
only when its message is delivered again.
"""

import os
import shutil
from pathlib import Path
from typing import Any, Final

from local.demo.guards import ProductFunction, the_app
from local.process import ROOT
from slipway.bootstrap.roles import AppRole

STARTED_AS: Final = """\
import sys
from pathlib import Path

sys.path.insert(1, {root!r})
from {module} import {function}

app = {function}(Path({folder!r}))
"""


def app_whose_steps_lapse_soon(_: Path) -> Any:
    """The function app, for the process of a front or worker."""
    lapse_soon()
    return the_app()


def lapse_soon() -> None:
    if os.environ.get("SLIPWAY_ROLE") == AppRole.WORKER:
        ProductFunction("slipway.engine.run_step", "LEASE").replace(lambda usual: usual / 3)


def folder_of_app(folder: Path, module: str = __name__, function: str = app_whose_steps_lapse_soon.__name__) -> Path:
    """Write the folder of an app to start, which calls this function with `folder` to make the app."""
    app = folder / "app"
    app.mkdir()
    shutil.copyfile(ROOT / "host.json", app / "host.json")
    source = STARTED_AS.format(root=str(ROOT), folder=str(folder), module=module, function=function)
    (app / "function_app.py").write_text(source, encoding="utf-8")
    return app
