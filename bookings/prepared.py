"""Statements that PostgreSQL plans once a connection. Imported only where it is the database."""

from typing import Any

import psycopg


class PreparedCursor(psycopg.Cursor[Any]):
    """Binds values in the server and prepares at the first go what it executes.

    psycopg keeps the last hundred statements of a connection; behind a pooler that shuffles
    connections between transactions DATABASE_PREPARE=0 lets it prepare none.
    """

    def execute(self, query: Any, params: Any = None, **how: Any) -> "PreparedCursor":
        super().execute(query, params, prepare=True, **how)
        return self
