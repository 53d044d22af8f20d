"""What this surface refuses, each with its code."""

from __future__ import annotations

from rest_framework.exceptions import APIException, ValidationError


class Refused(APIException):
    """An error with a code of this surface."""

    status_code = 409
    code = ""


class HandlerNotFound(Refused):
    status_code, code = 404, "HANDLER_NOT_FOUND"


class NamespaceNotFound(Refused):
    status_code, code = 404, "NAMESPACE_NOT_FOUND"


class TaskNotFound(Refused):
    status_code, code = 404, "TASK_NOT_FOUND"


class StepNotFound(Refused):
    status_code, code = 404, "STEP_NOT_FOUND"


class InvalidTaskConfig(ValidationError):
    status_code, code = 422, "INVALID_TASK_CONFIG"


class InvalidStepUpdate(ValidationError):
    status_code, code = 422, "INVALID_STEP_UPDATE"


class StepNotEditable(Refused):
    code = "STEP_NOT_EDITABLE"


class StepNotCancellable(Refused):
    code = "STEP_NOT_CANCELLABLE"


class TaskNotCancellable(Refused):
    code = "TASK_NOT_CANCELLABLE"


class TaskNotPausable(Refused):
    code = "TASK_NOT_PAUSABLE"


class TaskNotResumable(Refused):
    code = "TASK_NOT_RESUMABLE"


class TaskNotRetryable(Refused):
    code = "TASK_NOT_RETRYABLE"


class AnalyticsUnavailable(Refused):
    status_code, code = 503, "ANALYTICS_UNAVAILABLE"
