"""Settings of the example site when every SDK calls it from one address."""

from example_project.settings import *  # noqa: F403

INSTALLED_APPS += ["rest_framework.authtoken"]  # noqa: F405

# The limit per IP and e-mail address stays as shipped; each test has an address of its own.
DBCONNECTIONS |= {"RATE_LIMIT_PER_IP": "", "MAIL_CAPS": []}  # noqa: F405
