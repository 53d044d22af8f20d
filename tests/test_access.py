"""Every route × method × role is asked for: who may is let through, who may not is refused as the surface refuses."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client, RequestFactory
from django.urls import reverse

from config.errors import DASHBOARD_API, MONITORING_API, SCHEDULER_API, SHAPES, WORKFLOW_API, Shape, shape_of
from scheduler.health_api import views as health_views
from tests.access_matrix import METHODS, NOBODY, RULES, Rule, Who
from tests.cast import member
from tests.routes import Stage, in_short, routes, set_stage

pytestmark = pytest.mark.django_db

ROUTES = routes()
CAST = {
    Who.ANYONE: "nobody",
    Who.ACCOUNT: "an account without a role",
    Who.VIEWER: "a viewer",
    Who.OPERATOR: "an operator",
    Who.ADMIN: "an admin",
}


def test_each_route_has_a_rule_and_each_rule_a_route() -> None:
    found = {in_short(route) for route in ROUTES}
    assert sorted(found - RULES.keys()) == [], "these routes have no rule in tests/access_matrix.py"
    assert sorted(RULES.keys() - found) == [], "these rules have no route"


def test_it_notices_a_route_without_a_rule() -> None:
    assert in_short(f"{settings.MONITORING_BASE_PATH}/ledgers") == "~/ledgers"
    assert "~/ledgers" not in RULES


@pytest.fixture
def cookies(db: None) -> dict[Who, str]:
    """The session of each of the cast, empty for nobody."""
    ada = member("ada", "admin")
    ada.is_staff = True
    ada.save()
    accounts = {
        Who.ACCOUNT: member("sten"),
        Who.VIEWER: member("vera", "viewer"),
        Who.OPERATOR: member("oscar", "operator"),
        Who.ADMIN: ada,
    }
    return {Who.ANYONE: "", **{who: _session_of(user) for who, user in accounts.items()}}


def _session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def ask(client: Client, path: str, method: str, rule: Rule, session: str) -> Any:
    """The answer. Nothing in SQL is as it was left: each cell finds the same stage."""
    client.cookies.clear()
    if session:
        client.cookies[settings.SESSION_COOKIE_NAME] = session
    options: dict[str, Any] = {}
    if method not in ("GET", "HEAD"):
        options = (
            {"data": json.dumps(dict(rule.sends)), "content_type": "application/json"}
            if rule.is_json or method != "POST"
            else {"data": dict(rule.sends)}
        )
    with transaction.atomic():
        answer = getattr(client, method.lower())(path, **options)
        transaction.set_rollback(True)
    return answer


def is_login(answer: Any) -> bool:
    """Whether it sends to the login, to come back after it."""
    ways = (f"{reverse('login')}?next=", f"{reverse('admin:login')}?next=")
    return answer.status_code == 302 and str(answer["Location"]).startswith(ways)


def is_refused(answer: Any) -> bool:
    return answer.status_code in (401, 403, 405) or is_login(answer) or _has_nobody_to_log_out(answer)


def _has_nobody_to_log_out(answer: Any) -> bool:
    """The admin's logout sends whoever is none of the staff to its index, which asks for a login."""
    leads_to = str(answer.headers.get("Location", ""))
    return str(answer.request["PATH_INFO"]) == reverse("admin:logout") and leads_to == reverse("admin:index")


# --- How each surface refuses -------------------------------------------------------------------------------------

_KEYS = {
    DASHBOARD_API: ["message"],
    MONITORING_API: ["detail"],
    SCHEDULER_API: ["type", "title", "status", "detail"],
    WORKFLOW_API: ["error"],
}


def mistake_in_refusal(answer: Any, path: str, who: Who, method: str) -> str:
    """What is wrong with the way in which someone is refused; empty if nothing is."""
    shape, status = shape_of(RequestFactory().get(path)), answer.status_code
    if status == 405:
        is_right = method not in answer.headers.get("Allow", method).split(", ")
    elif shape is not None:
        is_right = _is_refusal_of_api(answer, shape, who, method)
    elif "/hub/" in path:
        is_right = status == (403 if who else 401) and list(answer.json()) == ["message"]
    elif who is Who.ANYONE or path.startswith("/admin/"):
        # The admin sends accounts to its login, too, which tells them that they are none of the staff's.
        is_right = is_login(answer) or _has_nobody_to_log_out(answer) or (who is not Who.ANYONE and status == 403)
    else:
        is_right = status == 403
    return "" if is_right else f"refused in a way of its own: {status} {answer.content[:200]!r}"


def _is_refusal_of_api(answer: Any, shape: Shape, who: Who, method: str) -> bool:
    mount = next(mount for mount, each in SHAPES.items() if each is shape)
    says_how = answer.headers.get("WWW-Authenticate") == "Bearer"
    return (
        answer.status_code == (403 if who else 401)
        and answer.headers.get("Content-Type") == shape.content_type
        and (says_how or answer.status_code == 403)
        and (method == "HEAD" or list(answer.json()) == _KEYS[mount])
    )


# --- The matrix ---------------------------------------------------------------------------------------------------


def mistake_in_cell(answer: Any, path: str, who: Who, method: str, rule: Rule) -> str:
    """What is wrong with one cell; empty if nothing is."""
    least = rule.least(method)
    is_well = (200, 302, 503) if "/health/" in path else (200, 302)  # what is asked of other threads may be unwell
    if answer.status_code >= 500 and answer.status_code not in is_well:
        return f"an error of the server, {answer.status_code}"
    if who < least:
        if not is_refused(answer):
            return f"let through with {answer.status_code}"
        return mistake_in_refusal(answer, path, who, method)
    if is_refused(answer):
        return f"refused with {answer.status_code}"
    if method in ("GET", "HEAD") and len(rule.may) < len(METHODS) and answer.status_code not in is_well:
        return f"{answer.status_code} for who may look"
    return ""


def prepare(rule: Rule, stage: Stage) -> Rule:
    """The rule with the ids of this stage in its form."""
    return Rule(rule.may, {**rule.sends, "id": str(stage.job.uuid)}, rule.is_json) if "id" in rule.sends else rule


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
def test_every_cell_of_the_matrix(
    cookies: dict[Who, str],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Who asks for the status is looked up by a thread with a time limit, which would not see this test's transaction.
    monkeypatch.setattr(health_views, "within", lambda _, deed: deed())
    caplog.set_level(logging.CRITICAL, "django.request")  # thousands of refusals
    stage, client = set_stage(), Client(raise_request_exception=False)
    wrong, cells, refused = [], 0, 0
    for route in ROUTES:
        rule, path = prepare(RULES[in_short(route)], stage), stage.path_to(route)
        for method in METHODS:
            for who, session in cookies.items():
                answer = ask(client, path, method, rule, session)
                cells, refused = cells + 1, refused + is_refused(answer)
                if mistake := mistake_in_cell(answer, path, who, method, rule):
                    wrong.append(f"{method} {path} by {CAST[who]}: {mistake}")
    with capsys.disabled():
        print(f"\n{len(ROUTES)} routes × {len(METHODS)} methods × {len(CAST)} = {cells:,} cells, {refused:,} refused")  # noqa: T201  # the figure that the documentation tells
    assert not wrong, "\n".join(wrong)
    assert cells == len(ROUTES) * len(METHODS) * (len(Who) - (NOBODY in Who))
