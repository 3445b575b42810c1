"""Statements that Django compiles once, not at each use.

A request makes two; opening a link, setting a password and mailing one make some: the same each
time but for the values. To compile them takes Django longer than everything else a request does
(docs/benchmarks.md). What is compiled here is what the ORM would have run; places for values are
marked, and filled when it is run.

Compilers, ``klass_info`` and ``annotation_col_map`` are Django's internals and may change in any
release: tests/test_prepared.py compares each kind of statement with the ORM's, on every version
that is tested.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import connections, models, router, transaction
from django.db.models.expressions import Expression
from django.db.models.signals import post_save, pre_save
from django.db.models.sql import InsertQuery, UpdateQuery

M = TypeVar("M", bound=models.Model)

# Plans kept by a statement that has several.
MAX_PLANS = 64


class Place(Expression):
    """Where a value goes; ``field`` says in what form the database takes it."""

    def __init__(self, name: str, output_field: Any) -> None:
        super().__init__(output_field=output_field)
        self.name = name
        self.is_text = type(output_field) in (models.CharField, models.TextField)

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]

    def prepare(self, value: Any, connection: Any) -> Any:
        """Return a value as a parameter for the database."""
        # Most of a row is text or nothing, which every database takes as it is; to have the field
        # say so takes longer than the rest of filling a statement.
        if value is None or (self.is_text and type(value) is str):
            return value
        return self.field.get_db_prep_save(value, connection)


def _filled(parameters: Iterable[Any], values: Mapping[str, Any], connection: Any) -> list[Any]:
    """Return what a statement is run with: a value in each place, and what has none."""
    return [
        item.prepare(values[item.name], connection) if type(item) is Place else item
        for item in parameters
    ]


def _refuse_none(parameters: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for None, for which the ORM writes other SQL (``IS NULL``)."""
    if missing := [name for name, value in parameters.items() if value is None]:
        raise ValueError(f"None is no value to compare with: {', '.join(missing)}")


class _Statement(NamedTuple):
    """A compiled INSERT or UPDATE."""

    sql: str
    parameters: tuple[Any, ...]

    def execute(self, values: Mapping[str, Any], connection: Any) -> int:
        """Run it with a value in each place; return how many rows it changed."""
        filled = _filled(self.parameters, values, connection)
        # As Django's own writes do: inside a transaction nothing may follow one that failed.
        guard = transaction.mark_for_rollback_on_error(connection.alias)
        with guard, connection.cursor() as cursor:
            cursor.execute(self.sql, filled)
            return int(cursor.rowcount)


class _Related(NamedTuple):
    """What `select_related` reads along: a model, where its columns are, and who gets it."""

    model: type[models.Model]
    attributes: list[str]
    places: list[int]
    key: int
    give: Callable[[Any, Any], None]
    give_back: Callable[[Any, Any], None]


class _Selection(NamedTuple):
    """A compiled SELECT; nothing in it belongs to one database connection."""

    sql: str
    parameters: tuple[Any, ...]
    converted: list[tuple[int, Any]]
    """Columns whose values the database knows in another form, with their place."""

    attributes: list[str]
    """Of the model, which has the first of the columns."""

    related: list[_Related]
    annotations: dict[str, int]
    locks: bool


class PreparedQuery(Generic[M]):
    """A query for one instance of a model.

    ``build`` makes its ``QuerySet`` from parameters given by name, ``fields`` are their types,
    and ``route`` is the router's method that names the database. The SQL must be the same
    whatever the parameters say; None is refused. One that locks its row must run within a
    transaction.
    """

    def __init__(
        self,
        model: type[M],
        build: Callable[..., models.QuerySet[M]],
        route: Callable[[type[M]], str] = router.db_for_read,
        **fields: Any,
    ) -> None:
        self.model = model
        self.build = build
        self.route = route
        self.fields = fields
        self._selections: dict[tuple[str, str], _Selection] = {}

    def first(self, **parameters: Any) -> M | None:
        """Return the first of ``build(**parameters)``, in its order, or None.

        Raises ``TransactionManagementError`` where there is no transaction to hold a lock.
        """
        _refuse_none(parameters)
        alias = self.route(self.model)
        connection = connections[alias]
        key = (alias, connection.vendor)
        selection = self._selections.get(key)
        if selection is None:
            selection = self._selections[key] = self._compile(alias)
        if (
            selection.locks
            and connection.get_autocommit()
            and connection.features.supports_transactions
        ):
            # Django refuses it while it compiles, which happens once; a lock needs one at each use.
            raise transaction.TransactionManagementError(
                "select_for_update cannot be used outside of a transaction."
            )
        filled = _filled(selection.parameters, parameters, connection)
        with connection.cursor() as cursor:
            cursor.execute(selection.sql, filled)
            row = cursor.fetchone()
        return self._instance(selection, row, connection) if row else None

    def _compile(self, alias: str) -> _Selection:
        places = {name: Place(name, field) for name, field in self.fields.items()}
        queryset: Any = self.build(**places)
        compiler = queryset.using(alias)[:1].query.get_compiler(using=alias)
        sql, parameters = compiler.as_sql()
        own = compiler.klass_info["select_fields"]
        return _Selection(
            sql=sql,
            parameters=tuple(parameters),
            converted=[
                (index, column)
                for index, (column, _sql, _alias) in enumerate(compiler.select)
                if _converters(column, compiler.connection)
            ],
            attributes=[compiler.select[index][0].target.attname for index in own],
            # Relations of relations would be below these; no query here has any.
            related=[
                _related(compiler, info)
                for info in compiler.klass_info.get("related_klass_infos", [])
            ],
            annotations=compiler.annotation_col_map or {},
            locks=queryset.query.select_for_update
            and compiler.connection.features.has_select_for_update,
        )

    def _instance(self, selection: _Selection, row: tuple[Any, ...], connection: Any) -> M:
        # Kept on the connection, which they refer to: anywhere else they would keep it alive.
        kept = vars(connection).setdefault("_dbconnections_converters", {})
        # By model too: two may share a table, and convert its columns differently.
        key = (self.model, selection.sql)
        conversions = kept.get(key)
        if conversions is None:
            conversions = kept[key] = [
                (index, column, convert)
                for index, column in selection.converted
                for convert in _converters(column, connection)
            ]
        values = list(row)
        for index, column, convert in conversions:
            values[index] = convert(values[index], column, connection)
        own = values[: len(selection.attributes)]
        # Copies, as the ORM makes for each query: a `from_db` may change what it is given.
        instance = self.model.from_db(connection.alias, [*selection.attributes], own)
        for related in selection.related:
            if values[related.key] is None:
                related.give(instance, None)
                continue
            other = related.model.from_db(
                connection.alias,
                [*related.attributes],
                [values[place] for place in related.places],
            )
            related.give(instance, other)
            related.give_back(other, instance)
        for name, index in selection.annotations.items():
            setattr(instance, name, values[index])
        return instance


def _related(compiler: Any, info: dict[str, Any]) -> _Related:
    places = info["select_fields"]
    fields = [compiler.select[place][0].target for place in places]
    return _Related(
        model=info["model"],
        attributes=[field.attname for field in fields],
        places=places,
        key=places[[field.primary_key for field in fields].index(True)],
        give=info["local_setter"],
        give_back=info["remote_setter"],
    )


def _converters(column: Any, connection: Any) -> list[Any]:
    converters = connection.ops.get_db_converters(column)
    return [*converters, *column.get_db_converters(connection)]


class PreparedInsert(Generic[M]):
    """An INSERT of one instance, whose columns hold values or expressions.

    The key is the model's own to make, and no other column is the database's to fill.
    """

    def __init__(self, model: type[M]) -> None:
        self.model = model
        self._plans: dict[Hashable, _Statement] = {}

    def run(self, instance: M, kind: Hashable) -> None:
        """Insert as ``instance.save(force_insert=True)`` does, signals included.

        Instances of one ``kind`` have equal expressions in the same columns.
        """
        # Without the instance for a hint, as every other statement of its transaction is routed.
        alias = router.db_for_write(self.model)
        connection = connections[alias]
        key = (alias, connection.vendor, kind)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            plan = self._plans[key] = self._compile(instance, alias)
        about: dict[str, Any] = {"raw": False, "using": alias, "update_fields": None}
        if pre_save.has_listeners(self.model):
            expressions = _expressions(instance)
            pre_save.send(self.model, instance=instance, **about)
            if _expressions(instance) != expressions:
                plan = self._compile(instance, alias)  # a receiver changed the SQL, for this one
        plan.execute(vars(instance), connection)
        instance._state.adding = False
        instance._state.db = alias
        post_save.send(self.model, instance=instance, created=True, **about)

    def _compile(self, instance: M, alias: str) -> _Statement:
        fields = self.model._meta.concrete_fields
        template = self.model()
        for field in fields:
            value = vars(instance)[field.attname]
            is_expression = hasattr(value, "resolve_expression")
            vars(template)[field.attname] = value if is_expression else Place(field.attname, field)
        query = InsertQuery(self.model)
        query.insert_values(fields, [template])
        [(sql, parameters)] = query.get_compiler(using=alias).as_sql()
        return _Statement(sql, tuple(parameters))


def _expressions(instance: models.Model) -> dict[str, Any]:
    """Return the columns whose values are for the database to work out."""
    return {name: it for name, it in vars(instance).items() if hasattr(it, "resolve_expression")}


class PreparedUpdate(Generic[M]):
    """An UPDATE of rows that are as they should be: test and change in one statement.

    ``build`` makes the ``QuerySet`` of the rows from parameters given by name, ``fields`` are their
    types, and ``columns`` are the values or expressions to set. The SQL must be the same whatever
    the parameters say; None is refused. It may hold subqueries, but no join: Django takes one apart
    into SELECT and UPDATE, on MySQL while it compiles, and would keep the keys it found then.
    """

    def __init__(
        self,
        model: type[M],
        build: Callable[..., models.QuerySet[M]],
        columns: Mapping[str, Any],
        **fields: Any,
    ) -> None:
        self.model = model
        self.build = build
        self.columns = columns
        self.fields = fields
        self._plans: dict[tuple[str, str], _Statement] = {}

    def run(self, **parameters: Any) -> int:
        """Update as ``build(**parameters).update(**columns)`` does; return how many rows."""
        _refuse_none(parameters)
        alias = router.db_for_write(self.model)
        connection = connections[alias]
        key = (alias, connection.vendor)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._compile(alias)
        return plan.execute(parameters, connection)

    def _compile(self, alias: str) -> _Statement:
        places = {name: Place(name, field) for name, field in self.fields.items()}
        query: Any = self.build(**places).query.chain(UpdateQuery)
        query.add_update_values(self.columns)
        query.get_initial_alias()
        if query.count_active_tables() > 1 or query.related_updates:
            raise ValueError("A join cannot be prepared for an UPDATE; use subqueries.")
        if query.is_sliced or query.combinator:
            raise ValueError("A slice or a union cannot be updated.")
        sql, parameters = query.get_compiler(using=alias).as_sql()
        return _Statement(sql, tuple(parameters))
