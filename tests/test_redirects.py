"""No address leads to another site, whatever its parameters say."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.test import Client

from tests.access_matrix import RULES
from tests.cast import member
from tests.routes import in_short, routes, set_stage

pytestmark = pytest.mark.django_db
ELSEWHERE = ("//evil.example", "https://evil.example/", "/\\evil.example", "\t//evil.example", "javascript:alert(1)")
NAMES = ("next", "url", "return", "back", "redirect_to", "continue")


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_no_answer_leads_to_another_site(elsewhere: str) -> None:
    stage, ada = set_stage(), member("ada", "admin")
    ada.is_staff = True
    ada.save()
    inside, outside = Client(), Client()
    inside.force_login(ada)
    session = inside.cookies.copy()
    query = dict.fromkeys(NAMES, elsewhere)
    led = 0
    for route in routes():
        path, form = stage.path_to(route), {**RULES[in_short(route)].sends, **query}
        for client in (inside, outside):
            client.cookies.clear()
            client.cookies.update(session if client is inside else {})
            with transaction.atomic():
                answers = [client.get(path, query), client.post(path, form, query_params=query)]
                transaction.set_rollback(True)
            for answer in answers:
                if location := answer.headers.get("Location"):
                    led += 1
                    parts = urlsplit(location.strip())
                    assert (parts.scheme, parts.netloc) == ("", ""), (path, location)
                    assert not location.strip().startswith(("//", "/\\", "\\")), (path, location)
    assert led > 50
