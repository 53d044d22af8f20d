"""Indexes for lists that show the greatest first and rows without a value last."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.db import models


class EmptyLastIndex(models.Index):
    """An index whose descending columns have empty values last, as ``F(name).desc(nulls_last=True)`` asks for.

    PostgreSQL uses an index for exactly the order that it was made in; SQLite has empty values last in any descending
    order, and no words for it in an index.
    """

    def create_sql(self, model: type[models.Model], schema_editor: Any, using: str = "", **kwargs: Any) -> Any:
        index = copy(self)
        if schema_editor.connection.vendor == "postgresql":
            index.fields_orders = [
                (name, f"{order} NULLS LAST" if order and model._meta.get_field(name).null else order)
                for name, order in self.fields_orders
            ]
        else:
            index.expressions = tuple(_without_nulls_last(expression) for expression in self.expressions)
        return models.Index.create_sql(index, model, schema_editor, using, **kwargs)


def _without_nulls_last(expression: Any) -> Any:
    expression = copy(expression)
    expression.nulls_last = None
    return expression
