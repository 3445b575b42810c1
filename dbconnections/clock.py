"""The database's clock, the only one that decides whether something is due or expired."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now
from django.db.models.sql.compiler import SQLCompiler


class DatabaseNow(Now):
    """The current time of the database, in UTC.

    Web server, worker and database may each have their own clock; comparing and stamping
    with this one alone keeps a link's life the same wherever it is looked at. Django's
    ``Now`` answers in the session's time zone on MySQL and MariaDB, while columns hold UTC.
    """

    def as_mysql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)
