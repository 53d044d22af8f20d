"""Who may do what at which address: one line for each route of the URL configuration. A route without one fails.

``~`` stands for the base path of the pages. ``looks(VIEWER)`` is a route that only reads, for viewers and whoever may
more; every method that a rule does not name is closed to everyone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Who(IntEnum):
    """The least that one must be; each may what those before it may."""

    ANYONE = 0
    ACCOUNT = 1
    """Whoever is logged in, also without a role."""
    VIEWER = 2
    OPERATOR = 3
    ADMIN = 4
    """Of the role admin and, for Django's admin, a member of staff."""
    NOBODY = 5


ANYONE, ACCOUNT, VIEWER, OPERATOR, ADMIN, NOBODY = Who


@dataclass(frozen=True)
class Rule:
    """Who may use each method, and what is sent with it so that nothing but the role can stand in the way."""

    may: Mapping[str, Who]
    sends: Mapping[str, Any] = field(default_factory=dict)
    is_json: bool = False

    def least(self, method: str) -> Who:
        return self.may.get(method, NOBODY)


def looks(who: Who) -> Rule:
    """It is only read."""
    return Rule({"GET": who, "HEAD": who})


def acts(who: Who, **form: Any) -> Rule:
    """A POST of a form, and nothing else."""
    return Rule({"POST": who}, form)


def shows_and_acts(who: Who, **form: Any) -> Rule:
    """A page for viewers whose form ``who`` may send."""
    return Rule({"GET": VIEWER, "HEAD": VIEWER, "POST": who}, form)


def calls(body: Mapping[str, Any] = MappingProxyType({}), **may: Who) -> Rule:
    """The methods of an API with who may call each; GET brings HEAD along."""
    heads = {"HEAD": may["GET"]} if "GET" in may else {}
    return Rule({**may, **heads}, body, is_json=True)


def any_method(who: Who) -> Rule:
    """Every method is answered alike."""
    return Rule(dict.fromkeys(METHODS, who))


JOB = {"name": "from the matrix", "handler": "demo.echo", "kwargs": {"value": 1}, "intervalSeconds": 60}
SCHEDULE = {"kind": "interval", "name": "from the matrix", "handler": "demo.echo", "interval": "60", "kwargs": "{}"}
ORDER = {"namespace": "tests", "name": "diamond", "context": {}}

RULES: dict[str, Rule] = {
    "": any_method(ANYONE),
    "favicon.ico": any_method(ANYONE),
    "api-docs": looks(ANYONE),
    "api-docs.json": looks(ANYONE),
    # --- Dashboard API ---
    "~/api/auth/login": calls({"username": "vera"}, POST=ANYONE),
    "~/api/config": looks(ANYONE),
    "~/api/dashboard/overview": looks(VIEWER),
    "~/api/dashboard/recent-activity": looks(VIEWER),
    "~/api/queues": looks(VIEWER),
    "~/api/queues/<path:name>/tasks": looks(VIEWER),
    "~/api/statistics/execution-times": looks(VIEWER),
    "~/api/statistics/success-rate-trend": looks(VIEWER),
    "~/api/statistics/task-types": looks(VIEWER),
    "~/api/tasks": looks(VIEWER),
    "~/api/tasks/<str:id>": looks(VIEWER),
    "~/api/tasks/<str:id>/runs-audit": looks(VIEWER),
    "~/api/tasks/<str:id>/status-audit": looks(VIEWER),
    "~/api/tasks/counts": looks(VIEWER),
    r"^~/api(?:/[\s\S]*)?$": any_method(ANYONE),
    # --- Monitoring API ---
    "api/v1/monitoring/ledger": looks(VIEWER),
    "api/v1/monitoring/queues": looks(VIEWER),
    "api/v1/monitoring/stats": looks(VIEWER),
    "api/v1/monitoring/tasks": looks(VIEWER),
    "api/v1/monitoring/tasks/<str:task_id>": looks(VIEWER),
    "api/v1/monitoring/tasks/<str:task_id>/media": looks(VIEWER),
    "api/v1/monitoring/workers": looks(VIEWER),
    "api/v1/monitoring/workers/health": looks(VIEWER),
    "api/v1/monitoring/workflows": looks(VIEWER),
    "api/v1/monitoring/workflows/<str:workflow_id>": looks(VIEWER),
    "api/v1/monitoring/workflows/stats": looks(VIEWER),
    r"^api/v1/monitoring(?:/[\s\S]*)?$": any_method(ANYONE),
    # --- Scheduler API ---
    "api/v1/scheduler/dashboard/stats": looks(VIEWER),
    "api/v1/scheduler/executions": looks(VIEWER),
    "api/v1/scheduler/executions/<str:execution_id>": looks(VIEWER),
    "api/v1/scheduler/executions/<str:execution_id>/cancel": calls(POST=OPERATOR),
    "api/v1/scheduler/executions/<str:execution_id>/retry": calls(POST=OPERATOR),
    "api/v1/scheduler/executions/timeline": looks(VIEWER),
    "api/v1/scheduler/jobs": calls(JOB, GET=VIEWER, POST=ADMIN),
    "api/v1/scheduler/jobs/<str:job_id>": calls(JOB, GET=VIEWER, PUT=ADMIN, PATCH=ADMIN, DELETE=ADMIN),
    "api/v1/scheduler/jobs/<str:job_id>/executions": looks(VIEWER),
    "api/v1/scheduler/jobs/<str:job_id>/fires": looks(VIEWER),
    "api/v1/scheduler/jobs/<str:job_id>/pause": calls(POST=OPERATOR),
    "api/v1/scheduler/jobs/<str:job_id>/resume": calls(POST=OPERATOR),
    "api/v1/scheduler/jobs/<str:job_id>/trigger": calls(POST=OPERATOR),
    "api/v1/scheduler/jobs/<str:job_id>/upcoming": looks(VIEWER),
    "api/v1/scheduler/jobs/failed": looks(VIEWER),
    "api/v1/scheduler/jobs/preview": calls({"intervalSeconds": 60}, POST=VIEWER),
    r"^api/v1/scheduler(?:/[\s\S]*)?$": any_method(ANYONE),
    # --- Workflow API, health, analytics ---
    "api/v1/analytics/bottlenecks": looks(VIEWER),
    "api/v1/analytics/performance": looks(VIEWER),
    "api/v1/handlers": looks(VIEWER),
    "api/v1/handlers/<str:namespace>": looks(VIEWER),
    "api/v1/handlers/<str:namespace>/<str:name>": looks(VIEWER),
    "api/v1/health/live": looks(ANYONE),
    "api/v1/health/ready": looks(ANYONE),
    "api/v1/health/status": looks(VIEWER),
    "api/v1/metrics": looks(VIEWER),
    "api/v1/tasks": calls(ORDER, GET=VIEWER, POST=OPERATOR),
    "api/v1/tasks/<str:task_id>": calls({"reason": "x"}, GET=VIEWER, PATCH=OPERATOR, DELETE=OPERATOR),
    "api/v1/tasks/<str:task_id>/pause": calls(POST=OPERATOR),
    "api/v1/tasks/<str:task_id>/resume": calls(POST=OPERATOR),
    "api/v1/tasks/<str:task_id>/retry": calls(POST=OPERATOR),
    "api/v1/tasks/<str:task_id>/workflow_steps": looks(VIEWER),
    "api/v1/tasks/<str:task_id>/workflow_steps/<str:step_id>": calls(
        {"retry_limit": 2}, GET=VIEWER, PATCH=OPERATOR, DELETE=OPERATOR
    ),
    r"^api/v1(?:/[\s\S]*)?$": any_method(ANYONE),
    # --- Live feed ---
    "~/events": looks(VIEWER),
    "~/hub/negotiate": acts(VIEWER),
    # --- Pages ---
    "~": any_method(ANYONE),  # only leads to the next
    "~/": looks(VIEWER),
    "~/<path:address>": any_method(ANYONE),  # a 404
    "~/audit": looks(VIEWER),
    "~/audit/parts": looks(VIEWER),
    "~/failures": shows_and_acts(OPERATOR, action="retry", all="1"),
    "~/failures/parts": looks(VIEWER),
    "~/failures/rows": looks(VIEWER),
    "~/handlers": looks(VIEWER),
    "~/handlers/<str:namespace>/<str:name>": shows_and_acts(OPERATOR),
    "~/ledger": looks(VIEWER),
    "~/ledger/parts": looks(VIEWER),
    "~/login": Rule({"GET": ANYONE, "HEAD": ANYONE, "POST": ANYONE}),
    "~/logout": acts(ANYONE),
    "~/metrics": looks(VIEWER),
    "~/metrics/history": looks(VIEWER),
    "~/metrics/parts": looks(VIEWER),
    "~/operations": looks(VIEWER),
    "~/operations/<int:number>": looks(VIEWER),
    "~/operations/<int:number>/parts": looks(VIEWER),
    "~/operations/<int:number>/stop": acts(OPERATOR),
    "~/overview/parts": looks(VIEWER),
    "~/queues": looks(VIEWER),
    "~/queues-parts": looks(VIEWER),
    "~/queues/<queue:name>": shows_and_acts(OPERATOR, action="pause", reason="x"),
    "~/queues/<queue:name>/dlq": shows_and_acts(OPERATOR, action="retry", all="1"),
    "~/queues/<queue:name>/dlq/parts": looks(VIEWER),
    "~/queues/<queue:name>/dlq/rows": looks(VIEWER),
    "~/queues/<queue:name>/jobs": shows_and_acts(OPERATOR, action="retry", all="1"),
    "~/queues/<queue:name>/jobs/<job:job_id>/<str:action>": acts(OPERATOR),
    "~/queues/<queue:name>/jobs/counts": looks(VIEWER),
    "~/queues/<queue:name>/jobs/rows": looks(VIEWER),
    "~/queues/<queue:name>/parts": looks(VIEWER),
    "~/queues/<queue:name>/repeatables": shows_and_acts(OPERATOR, action="pause", id="a schedule"),
    "~/queues/<queue:name>/repeatables/new": shows_and_acts(ADMIN, task_id="demo.echo", every="60", args="[]"),
    "~/queues/<queue:name>/repeatables/parts": looks(VIEWER),
    "~/schedules": looks(VIEWER),
    "~/schedules/<uuid:job_id>": shows_and_acts(OPERATOR, action="pause"),
    "~/schedules/<uuid:job_id>/edit": shows_and_acts(ADMIN, **SCHEDULE),
    "~/schedules/<uuid:job_id>/parts": looks(VIEWER),
    "~/schedules/new": shows_and_acts(ADMIN, **SCHEDULE),
    "~/schedules/parts": looks(VIEWER),
    "~/schedules/preview": looks(VIEWER),
    "~/statistics": looks(VIEWER),
    "~/storage": looks(OPERATOR),
    "~/statistics/parts": looks(VIEWER),
    "~/tasks": shows_and_acts(OPERATOR, action="retry", all="1"),
    "~/tasks/<uuid:task_id>": shows_and_acts(OPERATOR, action="retry"),
    "~/tasks/<uuid:task_id>/again": shows_and_acts(OPERATOR, args="[]", kwargs="{}"),
    "~/tasks/<uuid:task_id>/parts": looks(VIEWER),
    "~/tasks/counts": looks(VIEWER),
    "~/tasks/rows": looks(VIEWER),
    "~/workers": shows_and_acts(OPERATOR, action="stop", name="nobody"),
    "~/workers/parts": looks(VIEWER),
    "~/workflows": looks(VIEWER),
    "~/workflows/<uuid:workflow_id>": looks(VIEWER),
    "~/workflows/<uuid:workflow_id>/act": acts(OPERATOR, action="pause"),
    "~/workflows/<uuid:workflow_id>/parts": looks(VIEWER),
    "~/workflows/<uuid:workflow_id>/steps/<str:name>/act": acts(OPERATOR, action="retry"),
    "~/workflows/parts": looks(VIEWER),
    # --- Django's admin, for staff ---
    "admin": any_method(ANYONE),  # only leads to the next
    "admin/": any_method(ADMIN),
    "admin/login/": any_method(ADMIN),  # leads others to the login of the pages
    "admin/logout/": acts(ADMIN),
    "admin/password_change/": Rule(dict.fromkeys(("GET", "HEAD", "POST", "PUT"), ADMIN)),
    "admin/password_change/done/": looks(ADMIN),
    "admin/autocomplete/": any_method(NOBODY),
    "admin/jsi18n/": looks(ADMIN),
    "admin/r/<path:content_type_id>/<path:object_id>/": any_method(ADMIN),
    "admin/^(?P<app_label>auth|audit|monitoring|scheduler)/$": any_method(ADMIN),
    "admin/(?P<url>.*)$": any_method(ADMIN),  # a 404
    "admin/auth/user/<id>/password/": any_method(ADMIN),
}


def _model(name: str, **may: Who) -> dict[str, Rule]:
    """The pages of a model: admins look; who may add, change and delete is nobody, unless said."""
    below = f"admin/{name}/"
    one = f"{below}<path:object_id>/"
    looked_at = any_method(ADMIN)
    changed = Rule({**looked_at.may, "POST": may.get("change", NOBODY)})
    return {
        below: looked_at,
        f"{one}history/": looked_at,
        f"{one}change/": changed,  # the admin takes every method but POST for a look
        one: any_method(ADMIN),  # only leads to the page
        f"{below}add/": any_method(may.get("add", NOBODY)),
        f"{one}delete/": any_method(may.get("delete", NOBODY)),
    }


RULES |= {
    **_model("auth/user", add=ADMIN, change=ADMIN, delete=ADMIN),
    **_model("auth/group"),  # made and changed by superusers alone
    **_model("audit/statuschange"),
    **_model("audit/taskrun"),
    **_model("audit/operatoraction"),
    **_model("monitoring/task"),
    **_model("monitoring/queue"),
    **_model("monitoring/taskcount"),
    **_model("monitoring/runcount"),
    **_model("monitoring/stepcount"),
    **_model("monitoring/inboxposition"),
    **_model("monitoring/pruned"),
    **_model("monitoring/setasideentry", delete=ADMIN),
    **_model("scheduler/workflow"),
    **_model("scheduler/workflowstep"),
    **_model("scheduler/workflowcount"),
    **_model("scheduler/scheduledjob", add=ADMIN, change=ADMIN, delete=ADMIN),
    **_model("scheduler/scheduledfire"),
}
