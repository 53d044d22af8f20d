"""Admin lists that are as quick over ten million rows as over ten, and admins of records that nobody edits.

Django's own lists count the whole table, twice, and take any column for a filter or a sort key from the address. Here a
list counts and pages to a bound, and asks only what its admin names: whoever writes such an admin names what an index
serves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters, ShowFacets
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList, ChangeListSearchForm
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Max, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property

from audit import admin_deeds

if TYPE_CHECKING:  # generic in the stubs only
    _ModelAdmin = admin.ModelAdmin[Any]
    _Paginator = Paginator[Any]
else:
    _ModelAdmin, _Paginator = admin.ModelAdmin, Paginator

REACH = 10_000
"""How far a list counts and pages. Who looks for what lies deeper filters, searches or turns the order round."""
SEARCH_LIMIT = 255
"""The longest name that is ever recorded. Django makes a condition of each word, and databases have limits."""
WINDOW = 100_000
"""How many of the newest rows are looked at for what no index serves."""


class Total(int):
    """How many rows there are, as people read it: "12,345", or "10,000+" where counting stopped."""

    there_are_more = False

    def __str__(self) -> str:
        return f"{int(self):,}{'+' if self.there_are_more else ''}"


class BoundedPaginator(_Paginator):
    """Pages through the first REACH rows; counts no further, or not at all if the total is known."""

    known_total: int | None = None

    @cached_property
    def count(self) -> Total:
        if self.known_total is not None:
            return Total(self.known_total)
        rows: Any = self.object_list
        counted = rows.order_by()[: REACH + 1].count()
        total = Total(min(counted, REACH))
        total.there_are_more = counted > REACH
        return total

    @cached_property
    def num_pages(self) -> int:
        return max(1, ceil(min(self.count, REACH) / self.per_page))


class SearchForm(ChangeListSearchForm):
    """Refuses texts that no name can match; Django's form refuses NUL."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[SEARCH_VAR] = forms.CharField(required=False, strip=False, max_length=SEARCH_LIMIT)


class BoundedList(ChangeList):
    """A list whose cost is bounded, whatever stands in its address."""

    search_form_class = SearchForm

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """The rows without the columns that no list shows."""
        large: tuple[str, ...] = getattr(self.model_admin, "large_columns", ())
        return super().get_queryset(request, exclude_parameters).defer(*large)

    def get_ordering_field(self, field_name: Any) -> Any:
        """Django hides the link of a column that may not be sorted by, but obeys the address."""
        return super().get_ordering_field(field_name) if field_name in (self.sortable_by or ()) else None

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """By one column, ties broken in the same direction, which is what an index of both can serve."""
        ordering = super().get_ordering(request, queryset)
        if ORDER_VAR not in self.params:
            return ordering
        return [ordering[0], "-pk" if str(ordering[0]).startswith("-") else "pk"]

    def get_results(self, request: HttpRequest) -> None:
        """A list that is short by the counts is cut all the same, should counts and rows ever disagree."""
        super().get_results(request)
        if self.show_all or not self.multi_page:
            self.result_list = self.result_list[: self.list_max_show_all]
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


class BoundedAdmin(_ModelAdmin):
    """An admin with bounded lists; the base of all."""

    lookups: ClassVar[tuple[str, ...]] = ()
    """What may be filtered by, beside the parameters of the list filters that are classes."""
    large_columns: ClassVar[tuple[str, ...]] = ()
    """What lists leave in the database."""
    acts_through_verbs = False
    """Whether what it creates, changes and deletes goes through audited verbs, which write the trail themselves."""
    paginator = BoundedPaginator
    sortable_by: ClassVar[tuple[str, ...]] = ()
    show_full_result_count = False
    show_facets = ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """What is declared and nothing else: Django allows any column of the model with any operator."""
        filters: Any = self.list_filter
        return lookup in self.lookups or lookup in {getattr(each, "parameter_name", None) for each in filters}

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        """None for a key with NUL: PostgreSQL refuses even to look for it."""
        return None if "\x00" in object_id else super().get_object(request, object_id, from_field)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """No first values from the address: Django does not check them, and its widgets fail on wrong ones."""
        return {}

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """None, on which Django shows the list again, for chosen keys that can be none; it does not check those."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.clean(key, None)
        except ValidationError:
            self.message_user(request, "What you chose could not be found. Nothing was done.", messages.ERROR)
            return None
        action = request.POST.get("action", "")
        # Django writes down what it deletes before it does. Other actions end in verbs, which must stand in no
        # transaction that could take their deeds out of the trail again.
        whole = transaction.atomic() if action == "delete_selected" else nullcontext()
        with admin_deeds.refusals(self, request, action), whole:
            return super().response_action(request, queryset, *args, **kwargs)

    # --- The operators' trail: Django calls these for whatever is done here, inside the transaction that does it -----

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        admin_deeds.write(self, request, "create", [obj], message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        admin_deeds.write(self, request, "update", [obj], message)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        admin_deeds.write(self, request, "delete", queryset)
        return super().log_deletions(request, queryset)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        with admin_deeds.refusals(self, request, "update" if object_id else "create", object_id or ""):
            return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        with admin_deeds.refusals(self, request, "delete", object_id):
            return super().delete_view(request, object_id, extra_context)


class RecordAdmin(BoundedAdmin):
    """Records have one writer, and it is no person: here they are read."""

    class Media:
        css = {"all": ["css/admin.css"]}

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ChoiceFilter(admin.SimpleListFilter, ABC):
    """A list filter that takes its own choices and refuses what else an address may hold."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Raises IncorrectLookupParameters, on which Django shows the list without filters."""
        value = self.value()
        if value is None:
            return queryset
        if value not in {choice for choice, _ in self.lookup_choices}:
            raise IncorrectLookupParameters
        return self.choose(request, queryset, value)

    @abstractmethod
    def choose(self, request: HttpRequest, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """The rows of that choice."""


def newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the rows that are among the newest WINDOW of their table: a range of its ascending ids."""
    last: int = rows.model._default_manager.aggregate(last=Max("id"))["last"] or 0
    return rows.filter(id__gt=last - WINDOW)
