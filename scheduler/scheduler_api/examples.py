"""The example bodies of this surface."""

from __future__ import annotations

from typing import Any

JOB_ID = "b2e4c1d0-1234-4abc-8def-000000000001"
EXECUTION_ID = "e9d3a2f1-0000-4111-bbb2-cccccccccccc"
_DEFINITION: dict[str, Any] = {
    "name": "nightly report",
    "description": "Builds the report of the day before.",
    "handler": "demo.echo",
    "args": [],
    "kwargs": {"value": "good night"},
    "queue": "reports",
    "scheduleType": "Cron",
    "cron": "30 2 * * MON-FRI",
    "intervalSeconds": None,
    "runAt": None,
    "timezone": "Europe/Berlin",
    "startAt": None,
    "endAt": None,
    "maxRuns": None,
    "jitterSeconds": 0,
    "overlapPolicy": "Skip",
    "misfirePolicy": "RunOnce",
    "misfireGraceSeconds": 60,
    "maxRetries": 2,
    "retryDelaySeconds": 30,
    "retryBackoff": "Exponential",
    "timeoutSeconds": 600,
    "isEnabled": True,
    "tags": ["reports"],
}
JOB_INPUT = {name: value for name, value in _DEFINITION.items() if value is not None}
JOB_CHANGE = {"cron": "0 3 * * *", "tags": ["reports", "night"]}
_RESULTS = {
    "nextRunAt": "2026-11-26T01:30:00Z",
    "lastExecutedAt": "2026-11-25T01:30:00.021000Z",
    "lastExecutionStatus": "Succeeded",
    "consecutiveFailures": 0,
    "createdAt": "2026-11-01T09:12:44.120000Z",
    "updatedAt": "2026-11-01T09:12:44.120000Z",
    "createdBy": "ada",
    "problem": None,
}
JOB = {"id": JOB_ID, **_DEFINITION, "runCount": 17, "isPaused": False, **_RESULTS}
_PAGE = {"totalCount": 1, "pageNumber": 1, "pageSize": 20, "totalPages": 1}
JOB_PAGE = {**_PAGE, "items": [JOB]}
SCHEDULE_INPUT = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "count": 2}
PREVIEW = {
    "words": "At 02:30 AM (Europe/Berlin)",
    "timezone": "Europe/Berlin",
    "upcoming": [
        {"dueAt": "2026-03-28T01:30:00Z", "runAt": "2026-03-28T01:30:00Z", "localTime": "2026-03-28T02:30:00+01:00"},
        {"dueAt": "2026-03-29T01:00:00Z", "runAt": "2026-03-29T01:00:00Z", "localTime": "2026-03-29T03:00:00+02:00"},
    ],
}
EXECUTION = {
    "id": EXECUTION_ID,
    "jobId": JOB_ID,
    "status": "Failed",
    "startedAt": "2026-11-25T01:30:00.021000Z",
    "completedAt": "2026-11-25T01:30:04.921000Z",
    "duration": "00:00:04.900",
    "retryCount": 2,
    "triggeredBy": "schedule",
    "retryParentId": None,
    "cancelRequestedAt": None,
}
EXECUTION_DETAIL = {**EXECUTION, "output": None, "errorMessage": "ValueError: no orders on that day"}
EXECUTION_PAGE = {**_PAGE, "items": [EXECUTION]}
STATS = {"totalJobs": 12, "enabledJobs": 11, "successRate": 98.4, "upcomingExecutions": 3120, "recentFailures": 7}
TIMELINE = [{"timestamp": "2026-11-25T01:00:00Z", "succeeded": 118, "failed": 2, "running": 1}]
FIRE_PAGE = {
    **_PAGE,
    "items": [
        {
            "dueAt": "2026-11-25T01:30:00Z",
            "runAt": "2026-11-25T01:30:00Z",
            "lastDueAt": None,
            "count": 1,
            "cause": "Schedule",
            "verdict": "OnTime",
            "latenessMs": 12.4,
            "reason": None,
            "execution": EXECUTION,
        }
    ],
    "lastDay": {
        "OnTime": 1, "Late": 0, "Starting": 0, "Overdue": 0, "Overlapped": 0, "Skipped": 0, "Missed": 0, "Cancelled": 0,
    },
}  # fmt: skip


def problem(status: int, title: str, detail: str, **more: Any) -> dict[str, Any]:
    """A body of RFC 9457."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


# What each error means, and one of its bodies.
ERRORS: dict[int, tuple[str, dict[str, Any]]] = {
    400: (
        "Something that was sent cannot be used; `errors` names it.",
        problem(
            400,
            "Bad Request",
            "pageNumber: Ensure this value is greater than or equal to 1.",
            errors={"pageNumber": ["Ensure this value is greater than or equal to 1."]},
        ),
    ),
    401: (
        "No token, a malformed or expired one, another scheme, or an account that is no longer active.",
        problem(
            401, "Unauthorized", "Log in first: send 'Authorization: Bearer <token>' with a token from auth/login."
        ),
    ),
    403: (
        "The account's role may not do this.",
        problem(403, "Forbidden", "Your role may look but not act. Ask an administrator for the operator role."),
    ),
    404: ("There is no such thing.", problem(404, "Not Found", "There is no such job.")),
    409: (
        "It cannot be done in the present state, or the name is taken.",
        problem(409, "Conflict", "The job is paused already."),
    ),
    413: (
        "The body is too large.",
        problem(413, "Request Entity Too Large", "The body is larger than 1,048,576 bytes, the most that is accepted."),
    ),
    415: (
        "The body is not JSON.",
        problem(415, "Unsupported Media Type", 'Unsupported media type "text/plain" in request.'),
    ),
    429: (
        "Too many requests.",
        problem(429, "Too Many Requests", "Too many requests. Try again in 3 seconds."),
    ),
    503: (
        "The database or Redis cannot be reached.",
        problem(
            503,
            "Service Unavailable",
            "The database cannot be reached or is busy. Nothing was changed; try again in a few seconds.",
        ),
    ),
}
