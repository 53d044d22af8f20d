"""What errors are grouped by: what is the same in failures of one cause, and different in those of two."""

from __future__ import annotations

import time

import pytest

from monitoring.error_patterns import NO_TEXT, PATTERN_LIMIT, error_pattern_of, error_type_of

TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/orders.py", line 41, in ship
    raise ValueError(f"no order {number}")
"""


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("ValueError: no order 4711", "ValueError: no order <n>"),
        ("ValueError: no order -4711", "ValueError: no order <n>"),
        ("ValueError: 3.25 of 1,024 MB, 1e-9 off", "ValueError: <n> of <n> MB, <n> off"),
        ("ValueError: table orders_2024_07", "ValueError: table orders_<n>_<n>"),
        ("ValueError: no user17 on host-3", "ValueError: no user<n> on host-<n>"),
        ("ValueError: no such user 'alice'", "ValueError: no such user <text>"),
        ('ValueError: no such user "al\'ice \\"x\\""', "ValueError: no such user <text>"),
        ("ValueError: it isn't there", "ValueError: it isn't there"),
        ("ValueError: it isn't there, or wasn't", "ValueError: it isn't there, or wasn't"),
        ("KeyError: 'price'", "KeyError: <text>"),
        ("KeyError: 17", "KeyError: <n>"),
        (
            "AttributeError: 'NoneType' object has no attribute 'total'",
            "AttributeError: 'NoneType' object has no attribute 'total'",
        ),
        ("NameError: name 'x1' is not defined", "NameError: name <text> is not defined"),
        ("ModuleNotFoundError: No module named 'shop.tax'", "ModuleNotFoundError: No module named 'shop.tax'"),
        ("TypeError: f() takes 2 positional arguments", "TypeError: f() takes <n> positional arguments"),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/a b/7.csv'",
            "FileNotFoundError: [Errno <n>] No such file or directory: <text>",
        ),
        ("OSError: cannot read /srv/in/7.csv now", "OSError: cannot read <path> now"),
        (r"OSError: cannot read C:\data\in\7.csv", "OSError: cannot read <path>"),
        ("ValueError: yes/no expected", "ValueError: yes/no expected"),
        ("ValueError: bad id 8c0fbd3e-61f5-4a53-9f1c-0a5d1f6c2b11", "ValueError: bad id <id>"),
        ("ValueError: commit deadbeef01 and face", "ValueError: commit <hex> and face"),
        ("ValueError: defaced facade", "ValueError: defaced facade"),
        ("TypeError: <object at 0x7f3e5c0a1d30>", "TypeError: <object at <hex>>"),
        ("ConnectionError: 10.0.0.17:6379 refused", "ConnectionError: <address> refused"),
        ("ConnectionError: [2001:db8::1]:6379 refused", "ConnectionError: <address> refused"),
        ("ConnectionError: ::1 refused", "ConnectionError: <address> refused"),
        ("httpx.HTTPError: https://a.example/b?c=1 said 503", "httpx.HTTPError: <url> said <n>"),
        ("smtplib.SMTPError: no mailbox al.ice+x@mail.example.com", "smtplib.SMTPError: no mailbox <email>"),
        ("ValueError: late since 2026-03-01T09:41:07.123Z", "ValueError: late since <time>"),
        ("ValueError: late since 2026-03-01", "ValueError: late since <time>"),
        ("ValueError: late since 2026-03-01 09:41:07+01:00!", "ValueError: late since <time>!"),
        ("ValueError: closed at 09:41:07", "ValueError: closed at <time>"),
        ("ValueError: größer als 7 Stück", "ValueError: größer als <n> Stück"),
        ("ValueError: 注文 4711 がありません", "ValueError: 注文 <n> がありません"),
        ("shop.v2.Http2Error: stream 5", "shop.v2.Http2Error: stream <n>"),
        ("Http2Error", "Http2Error"),
        (
            "The worker was stopped and the task did not end within 3 s of grace.",
            "The worker was stopped and the task did not end within <n> s of grace.",
        ),
        (
            "Work-horse terminated unexpectedly; waitpid returned 9 (signal 9);",
            "Work-horse terminated unexpectedly; waitpid returned <n> (signal <n>);",
        ),
        ("ValueError:  two   spaces\tand tabs ", "ValueError: two spaces and tabs"),
        ("", NO_TEXT),
        ("  \n ", NO_TEXT),
    ],
)
def test_it_replaces_what_varies(line: str, pattern: str) -> None:
    assert error_pattern_of(line).pattern == pattern
    assert error_pattern_of(f"{TRACEBACK}{line}").pattern == pattern


def test_it_takes_the_class_and_the_first_line_of_a_traceback() -> None:
    found = error_pattern_of(f"{TRACEBACK}shop.NoOrder: no order 4711\nlook at the\nshelf")
    assert (found.error_type, found.pattern) == ("shop.NoOrder", "shop.NoOrder: no order <n>")


def test_failures_of_one_cause_are_of_one_group() -> None:
    lines = [f"ValueError: no order {number} of 'client {number}'" for number in range(50)]
    assert len({error_pattern_of(TRACEBACK + line).fingerprint for line in lines}) == 1


def test_failures_of_different_causes_are_not() -> None:
    lines = [
        "ValueError: no order 1",
        "KeyError: no order 1",
        "ValueError: no client 1",
        "ValueError",
        "",
        "no order 1",
    ]
    fingerprints = [error_pattern_of(line).fingerprint for line in lines]
    assert len(set(fingerprints)) == len(lines)
    assert all(len(fingerprint) == 16 for fingerprint in fingerprints)


def test_it_is_the_same_in_every_process() -> None:
    assert error_pattern_of("ValueError: no order 4711").fingerprint == "67917adeb415aac1"


@pytest.mark.parametrize("hard", ["'" * 5_000, "\\" * 5_000, "/a" * 2_500, "a:" * 2_500, "9" * 5_000, "1:" * 2_500])
def test_no_text_takes_long_or_gives_a_long_pattern(hard: str) -> None:
    begin = time.perf_counter()
    found = error_pattern_of(f"ValueError: {hard}")
    assert time.perf_counter() - begin < 0.1
    assert len(found.pattern) <= PATTERN_LIMIT


def test_lone_surrogates_and_nul_are_no_hindrance() -> None:
    assert error_pattern_of("ValueError: \ud800 \x00 1").pattern == "ValueError: \ud800 \x00 <n>"
    assert error_type_of("ValueError: x") == "ValueError"
    assert error_type_of("A plain sentence.") == ""
