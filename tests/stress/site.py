"""Settings of the example site as ``STRESS_SITE`` wants it: its wake-up, or a naive view."""

import os
from datetime import timedelta

from example_project.settings import *  # noqa: F403

DBCONNECTIONS["COALESCE_WINDOW"] = timedelta(0)  # noqa: F405

match os.environ["STRESS_SITE"]:
    case "worker":
        DBCONNECTIONS["WAKE_UP"] = "none"  # noqa: F405
    case "naive":
        DBCONNECTIONS["WAKE_UP"] = "none"  # noqa: F405
        ROOT_URLCONF = "tests.stress.naive"
