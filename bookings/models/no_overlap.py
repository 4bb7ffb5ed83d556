"""One declaration, two engines: EXCLUDE USING gist on PostgreSQL, triggers on SQLite.

Triggers made by RunSQL would vanish the next time SQLite's schema editor rebuilds the table;
these are part of the model's state and are made again with it. See docs/locking.md.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.contrib.postgres.operations import BtreeGistExtension
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.ddl_references import Statement, Table
from django.db.models import BooleanField, F, Func


class TsTzRange(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class BtreeGist(BtreeGistExtension):
    """The extension behind the exclusion constraint, reversible on SQLite too.

    Django 5.2 checks the vendor on the way forwards only.
    """

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class SpanAtMost(Func):
    """Whether a span is at most so many hours long, in SQL that needs no function of Django's.

    Django's own arithmetic of durations calls a Python function on SQLite, which a CHECK in the
    table must not depend on: other programs write to the file too.
    """

    output_field = BooleanField()
    conditional = True

    def __init__(self, start: str, end: str, hours: int, **extra: Any) -> None:
        self.columns, self.hours = (start, end), hours
        super().__init__(start, end, **extra)

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        return "bookings.models.no_overlap.SpanAtMost", (*self.columns, self.hours), {}

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        # Half a second of slack: a Julian day is a float.
        slack = 0.00014
        days = "(julianday({e}) - julianday({s}))"
        return self._span(compiler, f"({days} * 24 <= {self.hours + slack})")

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self._span(compiler, f"(({{e}} - {{s}}) <= interval '{self.hours} hours')")

    def _span(self, compiler: Any, template: str) -> Any:
        (s, sp), (e, ep) = (compiler.compile(x) for x in self.source_expressions)
        return template.format(s=s, e=e), (*ep, *sp)


class NoOverlap(ExclusionConstraint):
    """No two rows with the same `key` may share an instant of [start, end)."""

    def __init__(self, *, name: str, key: str, start: str, end: str, **kw: Any) -> None:
        self.key, self.start, self.end = key, start, end
        super().__init__(
            name=name,
            expressions=[
                (F(key), RangeOperators.EQUAL),
                (TsTzRange(start, end, RangeBoundary()), RangeOperators.OVERLAPS),
            ],
            **kw,
        )

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        kwargs.pop("expressions")
        kwargs.update(key=self.key, start=self.start, end=self.end)
        return path, args, kwargs

    # --- SQLite -----------------------------------------------------------
    # The text comparison below is right only for Django's own format, so insist on it, and on
    # dates and hours that exist: of others the CHECK would measure no length.
    _DAY = "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
    _MICRO = _DAY + "." + "[0-9]" * 6
    _TRIGGER = """\
CREATE TRIGGER %(name)s {when} ON %(table)s FOR EACH ROW BEGIN
  SELECT RAISE(ABORT, '{cname}: malformed span')
   WHERE NOT (NEW.{s} GLOB '{day}' OR NEW.{s} GLOB '{micro}')
      OR NOT (NEW.{e} GLOB '{day}' OR NEW.{e} GLOB '{micro}') OR NEW.{s} >= NEW.{e}
      OR datetime(substr(NEW.{s}, 1, 19), '+0 days') IS NOT substr(NEW.{s}, 1, 19)
      OR datetime(substr(NEW.{e}, 1, 19), '+0 days') IS NOT substr(NEW.{e}, 1, 19);
  SELECT RAISE(ABORT, '{cname}: overlap')
   WHERE (SELECT {e} FROM %(table)s WHERE {k} = NEW.{k} AND {s} < NEW.{e} {other}
           ORDER BY {s} DESC LIMIT 1) > NEW.{s};
END"""

    def _col(self, model: Any, name: str) -> str:
        return model._meta.get_field(name).column

    def _sqlite_statements(self, model: Any, schema_editor: Any) -> Iterator[Statement]:
        q = schema_editor.quote_name
        k, s, e = (q(self._col(model, n)) for n in (self.key, self.start, self.end))
        pk = q(model._meta.pk.column)
        table = model._meta.db_table
        common = {
            "k": k,
            "s": s,
            "e": e,
            "cname": self.name,
            "day": self._DAY,
            "micro": self._MICRO,
        }
        for suffix, when, other in (
            ("ins", "BEFORE INSERT", ""),
            ("upd", f"BEFORE UPDATE OF {k}, {s}, {e}", f"AND {pk} <> OLD.{pk}"),
        ):
            yield Statement(
                self._TRIGGER.format(when=when, other=other, **common),
                name=q(f"{self.name}_{suffix}"),
                table=Table(table, q),
            )
        # A trigger asks nothing of the rows that are there already: touch each, so that dirty
        # data stops the migration as it does on PostgreSQL.
        touch = "UPDATE %(table)s SET %(start)s = %(start)s"
        yield Statement(touch, table=Table(table, q), start=s)

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.deferred_sql.extend(self._sqlite_statements(model, schema_editor))
            return None
        return super().constraint_sql(model, schema_editor)

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        if schema_editor.connection.vendor == "sqlite":
            raise NotImplementedError("SQLite goes through _remake_table")
        return super().create_sql(model, schema_editor)

    # --- forms / full_clean ----------------------------------------------
    def validate(
        self, model: Any, instance: Any, exclude: Any = None, using: str = DEFAULT_DB_ALIAS
    ) -> None:
        attname = model._meta.get_field(self.key).attname
        k, s, e = (
            getattr(instance, attname),
            getattr(instance, self.start),
            getattr(instance, self.end),
        )
        if None in (k, s, e) or (exclude and {self.key, self.start, self.end} & set(exclude)):
            return
        qs = model._default_manager.using(using).filter(
            **{attname: k, f"{self.start}__lt": e, f"{self.end}__gt": s}
        )
        if not instance._state.adding and instance.pk is not None:
            qs = qs.exclude(pk=instance.pk)
        if qs.exists():
            raise ValidationError(
                self.get_violation_error_message(), code=self.violation_error_code
            )
