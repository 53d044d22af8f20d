"""The handlers: what is registered, what each takes and does, and the form that starts a workflow of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from audit import roles
from audit.trail import actor_of
from monitoring.pages.acting import SeeOther, for_actors, look_or_act, refuse, wants_json
from monitoring.pages.views import for_viewers
from scheduler import workflow_actions as actions
from scheduler.graphs import topological_order
from scheduler.pages.context_fields import ContextForm
from scheduler.pages.workflow_story import can_be_drawn
from scheduler.registry import Handler, registry, templates_of
from scheduler.steps import Template
from scheduler.workflow_plans import mistakes_in_context
from scheduler.workflow_starts import BadWorkflow, NoSuchHandler, Order, find_handler

SOURCE = "handlers"
NAMES_SHOWN = 5


class OrderForm(forms.Form):
    """What is said of a workflow beside its context."""

    reason = forms.CharField(required=False, max_length=1_000)
    key = forms.RegexField("^[0-9a-f]{32}$", required=False)
    """The same for each time that one form is sent, so that a second click starts nothing."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A handler with what its page and its row tell."""

    handler: Handler

    @property
    def versions(self) -> list[str]:
        """Newest first."""
        return list(registry.versions[self.handler.short_name])[::-1]

    @property
    def steps(self) -> list[Template]:
        """In topological order."""
        templates = {template.name: template for template in templates_of(self.handler)}
        order = topological_order({name: template.depends_on for name, template in templates.items()})
        return [templates[name] for name in order]

    @property
    def named(self) -> list[str]:
        """The first steps."""
        return [template.name for template in self.steps[:NAMES_SHOWN]]

    @property
    def is_drawn(self) -> bool:
        """Whether a graph of the steps can be read."""
        return can_be_drawn([template.depends_on for template in templates_of(self.handler)])


# --- Looking ------------------------------------------------------------------------------------------------------


@for_viewers
def handlers(request: HttpRequest) -> HttpResponse:
    """Every handler in its newest version. Also as JSON."""
    newest = filter(None, map(registry.latest, sorted(registry.versions)))
    rows = [Shown(handler=handler) for handler in newest]
    answer: HttpResponse = (
        JsonResponse([_as_json(row) for row in rows], safe=False)
        if wants_json(request)
        else render(request, "handlers/list.html", {"section": "workflows", "rows": rows})
    )
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def _show(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """One handler in the version that the address asks for, else in its newest, and the form."""
    try:
        handler = find_handler(namespace, name, request.GET.get("version", ""))
    except NoSuchHandler as error:
        return _unknown(request, str(error))
    if wants_json(request):
        answer: HttpResponse = JsonResponse({**_as_json(Shown(handler=handler)), "schema": handler.schema})
    else:
        answer = _page(request, handler, ContextForm(handler.schema), OrderForm({"key": uuid4().hex}))
    patch_vary_headers(answer, ["Accept"])
    return answer


def _page(
    request: HttpRequest, handler: Handler, form: ContextForm, order: OrderForm, status: int = 200
) -> HttpResponse:
    context = {
        "section": "workflows",
        "handler": handler,
        "shown": Shown(handler=handler),
        "form": form,
        "order": order,
        "may_operate": request.user.has_perm(roles.OPERATE),
        "refusal": roles.REFUSALS[roles.OPERATE],
    }
    return render(request, "handlers/page.html", context, status=status)


def _unknown(request: HttpRequest, sentence: str) -> HttpResponse:
    if wants_json(request):
        return refuse(404, sentence)
    return render(request, "404.html", {"missing_handler": sentence}, status=404)


def _as_json(shown: Shown) -> dict[str, Any]:
    handler = shown.handler
    return {
        "namespace": handler.namespace,
        "name": handler.name,
        "version": handler.version,
        "versions": shown.versions,
        "description": handler.description or None,
        "steps": [{"name": step.name, "depends_on": list(step.depends_on)} for step in shown.steps],
    }


# --- Starting -----------------------------------------------------------------------------------------------------


@for_actors
def _start(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Starts a workflow with the context that the form says and goes on to its page; else the form, with mistakes."""
    by = actor_of(request, source=SOURCE)
    actions.refuse_unless_operator("workflow.start", by=by, target=f"{namespace}.{name}")
    try:
        handler = find_handler(namespace, name, request.GET.get("version", ""))
    except NoSuchHandler as error:
        return _unknown(request, str(error))
    form, order = ContextForm(handler.schema, request.POST), OrderForm(_without_blanks(request.POST))
    context = form.context()
    if form.has_errors or not order.is_valid():
        form.take(mistakes_in_context(handler, context))
        return _page(request, handler, form, order, status=400)
    key = order.cleaned_data["key"]
    asked = Order(
        namespace=handler.namespace,
        name=handler.name,
        version=handler.version,
        context=context,
        initiator=by.name,
        reason=order.cleaned_data["reason"],
        idempotency_key=f"form-{key}" if key else "",
    )
    try:
        workflow, is_new = actions.start_workflow(asked, by=by)
    except BadWorkflow as error:
        form.take(error.mistakes)
        return _page(request, handler, form, order, status=400)
    told = f"{handler.full_name} is started." if is_new else "This form was sent before; this is what it started."
    messages.success(request, told)
    return SeeOther(reverse("workflow", args=[workflow.pk]))


handler_page = look_or_act(_show, _start)


def _without_blanks(sent: QueryDict) -> dict[str, str]:
    return {name: sent.get(name, "").strip() for name in ("reason", "key")}
