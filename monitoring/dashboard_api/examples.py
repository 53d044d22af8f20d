"""The example answers of this surface, as its document has them."""

from __future__ import annotations

from typing import Any

TASK_ID = "dc49351d-476d-49f0-a1e8-3e2a39182d22"

CREDENTIALS = {"username": "admin", "password": "admin"}
LOGIN = {"token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...", "expiresAt": "2025-01-16T02:00:00Z", "username": "admin"}
TASK_PAGE = {
    "tasks": [
        {
            "id": TASK_ID,
            "taskType": "SendEmailTask",
            "handlerType": "SendEmailHandler",
            "status": "Completed",
            "queueName": "default",
            "createdAtUtc": "2025-01-15T10:00:00Z",
            "lastExecutionUtc": "2025-01-15T10:00:05Z",
            "isRecurring": False,
            "nextRunUtc": None,
        }
    ],
    "totalCount": 150,
    "page": 1,
    "pageSize": 20,
    "totalPages": 8,
}
TASK_DETAIL = {
    "id": TASK_ID,
    "taskType": "MyApp.Tasks.SendEmailTask",
    "handlerType": "MyApp.Handlers.SendEmailHandler",
    "status": "Completed",
    "queueName": "default",
    "parameters": '{"args": [], "kwargs": {"Email": "user@example.com", "Subject": "Welcome"}}',
    "errorDetails": None,
    "createdAtUtc": "2025-01-15T10:00:00Z",
    "scheduledAtUtc": None,
    "lastExecutionUtc": "2025-01-15T10:00:05Z",
    "completedAtUtc": "2025-01-15T10:00:05Z",
    "isRecurring": False,
    "recurringInfo": None,
    "maxRuns": None,
    "currentRunCount": None,
    "nextRunUtc": None,
    "runUntil": None,
}
STATUS_AUDIT_ROW = {
    "id": 1,
    "taskId": TASK_ID,
    "oldStatus": "Queued",
    "newStatus": "InProgress",
    "changedAtUtc": "2025-01-15T10:00:00Z",
    "errorDetails": None,
}
RUNS_AUDIT_ROW = {
    "id": 1,
    "taskId": TASK_ID,
    "executionStartedUtc": "2025-01-15T10:00:00Z",
    "executionCompletedUtc": "2025-01-15T10:00:05Z",
    "status": "Completed",
    "errorDetails": None,
}
COUNTS = {
    "counts": {
        "WaitingQueue": 2,
        "Pending": 1,
        "Queued": 10,
        "InProgress": 5,
        "Completed": 1150,
        "Failed": 45,
        "Cancelled": 21,
    },
    "total": 1234,
}
OVERVIEW = {
    "totalTasks": 1234,
    "completedTasks": 1150,
    "failedTasks": 45,
    "activeTasks": 39,
    "successRate": 96.2,
    "averageExecutionTime": 1234.56,
    "activeQueues": 3,
    "recurringTasks": 12,
    "tasksOverTime": [{"timestamp": "2025-01-15T00:00:00Z", "completed": 100, "failed": 5}],
    "queueSummaries": [
        {"queueName": "default", "totalTasks": 800, "activeTasks": 20, "completedTasks": 750, "failedTasks": 30}
    ],
}
ACTIVITY = {
    "taskId": TASK_ID,
    "taskType": "SendEmailTask",
    "status": "Completed",
    "timestamp": "2025-01-15T10:00:05Z",
    "message": "Task completed successfully",
}
QUEUE = {
    "queueName": "default",
    "totalTasks": 800,
    "queuedTasks": 10,
    "inProgressTasks": 5,
    "completedTasks": 750,
    "failedTasks": 30,
    "cancelledTasks": 5,
    "successRate": 96.2,
}
TREND = {
    "period": "Last7Days",
    "dataPoints": [
        {
            "timestamp": "2025-01-15T00:00:00Z",
            "successRate": 96.5,
            "totalTasks": 120,
            "successfulTasks": 116,
            "failedTasks": 4,
        }
    ],
}
TASK_TYPES = {"SendEmailTask": 450, "ProcessPaymentTask": 320, "GenerateReportTask": 150}
EXECUTION_TIMES = {
    "taskType": "SendEmailTask",
    "averageExecutionTime": 1234.56,
    "minExecutionTime": 500.0,
    "maxExecutionTime": 3000.0,
    "taskCount": 450,
}
CONFIG = {
    "apiBasePath": "/monitoring/api",
    "uiBasePath": "/monitoring",
    "signalRHubPath": "/monitoring/hub",
    "requireAuthentication": True,
    "uiEnabled": True,
}
WRONG_CREDENTIALS = {"message": "Invalid username or password"}

# What each error means, and one of its bodies.
ERRORS: dict[int, tuple[str, dict[str, Any]]] = {
    400: (
        "A value cannot be used; the message and `errors` name it and what is accepted.",
        {"message": "isRecurring: Must be true or false.", "errors": {"isRecurring": ["Must be true or false."]}},
    ),
    401: (
        "No token, a malformed or expired one, another scheme, or an account that is no longer active.",
        {"message": "Token is expired. Get a new one from auth/login."},
    ),
    403: (
        "The account has no role that may read this.",
        {"message": "Your account has no role that may read this. Ask an administrator for the viewer role."},
    ),
    404: ("There is no such task.", {"message": f"No task has the id '{TASK_ID}'."}),
    413: (
        "The body is larger than 1 MiB.",
        {"message": "The body is larger than 1,048,576 bytes, the most that is accepted."},
    ),
    415: ("The body is not `application/json`.", {"message": 'Unsupported media type "text/plain" in request.'}),
    429: ("Too many requests.", {"message": "Too many requests. Try again in 3 seconds."}),
    503: (
        "The database cannot be reached or is busy.",
        {"message": "The database cannot be reached or is busy. Nothing was changed; try again in a few seconds."},
    ),
}


def _unusable(parameter: str, sentence: str) -> dict[int, tuple[str, dict[str, Any]]]:
    body = {"message": f"{parameter}: {sentence}", "errors": {parameter: [sentence]}}
    return {400: (ERRORS[400][0], body)}


TOO_MANY_LOGINS: dict[int, tuple[str, dict[str, Any]]] = {
    429: (
        "Too many requests; or too many logins failed, for this account or from this source, in five minutes.",
        {"message": "Too many failed logins. Try again in 240 seconds."},
    ),
}
# The same where a path can say more than the above.
UNUSABLE_RANGE = _unusable("range", "'Year' is not known. Use one of: Today, Week, Month, All.")
UNUSABLE_PERIOD = _unusable("period", "'Last5Days' is not known. Use one of: Last7Days, Last30Days, Last90Days.")
UNUSABLE_LIMIT = _unusable("limit", "Ensure this value is greater than or equal to 1.")
NO_QUEUE: dict[int, tuple[str, dict[str, Any]]] = {
    404: (
        "There is no such queue.",
        {"message": "No queue has the name 'mial'. The queues that exist are listed at queues."},
    ),
}
