"""Quarterdeck's settings: every one is an environment variable, read and checked here once and listed in the README."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from config import environment as environ

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = environ.data_directory("QUARTERDECK_DATA_DIR", BASE_DIR / "var")
TESTING = "pytest" in sys.modules

# --- What runs where ---------------------------------------------------------------------------------------------
DEBUG: bool = environ.read("bool", "DEBUG", True)
HOST = environ.host("HOST", "127.0.0.1")
PORT = environ.between("PORT", 8000, 1, 65535)
SECRET_KEY = environ.secret_key(debug=DEBUG)
ALLOWED_HOSTS: list[str] = environ.read("list", "ALLOWED_HOSTS", [*environ.LOOPBACK_HOSTS, "[::1]", HOST])
CSRF_TRUSTED_ORIGINS: list[str] = environ.read("list", "CSRF_TRUSTED_ORIGINS", [])
MONITORING_BASE_PATH = environ.url_path("MONITORING_BASE_PATH", "monitoring")
QUARTERDECK_INSTANCE: str = environ.read("str", "QUARTERDECK_INSTANCE", environ.host_name())
DEMO: bool = environ.read("bool", "DEMO", DEBUG)
if DEMO and not DEBUG:
    raise ImproperlyConfigured("DEMO is on while DEBUG is off; demo tasks and logins are for development only.")
# admin/admin, operator/operator, viewer/viewer: only where nobody else can knock.
DEMO_LOGINS = DEBUG and environ.is_loopback(HOST)

DATABASES = {"default": environ.database(DATA_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = environ.redis_url(DATA_DIR)
REDIS_IS_EMBEDDED = not environ.read("str", "REDIS_URL", "")

# --- Tasks -------------------------------------------------------------------------------------------------------
QUARTERDECK_QUEUES = environ.names("QUARTERDECK_QUEUES", ["default", "mail", "media", "reports", "payments"])
QUARTERDECK_CALLABLES: list[str] = environ.read("list", "QUARTERDECK_CALLABLES", ["demo.tasks"] if DEMO else [])
RQ_QUEUES = {
    name: {"URL": REDIS_URL, "SERIALIZER": "rq.serializers.JSONSerializer", "DEFAULT_TIMEOUT": 360}
    for name in QUARTERDECK_QUEUES
}
# The hooks read it themselves, for they also run in processes without Django; a wrong one is told here.
environ.between("QUARTERDECK_OUTBOX_LIMIT", 1_000_000, 1_000, 1_000_000_000)
# Ends of workflows are told to addresses that whoever starts them may give: signed with this, and without it never.
WEBHOOK_SECRET: str = environ.read("str", "WEBHOOK_SECRET", "")
WEBHOOK_PRIVATE_ADDRESSES: bool = environ.read("bool", "WEBHOOK_PRIVATE_ADDRESSES", False)
RQ = {"COMMIT_MODE": "auto", "WORKER_CLASS": "monitoring.workers.Worker"}

# --- Retention ---------------------------------------------------------------------------------------------------
# How many days rows are kept, by kind (monitoring/retention.py and docs/retention.md); 0 is for ever.
RETENTION_DAYS = {
    "tasks": environ.days_kept("RETENTION_TASKS_DAYS", 0),
    "runs": environ.days_kept("RETENTION_RUNS_DAYS", 0),
    "changes": environ.days_kept("RETENTION_CHANGES_DAYS", 0),
    "samples": environ.days_kept("RETENTION_SAMPLES_DAYS", 7),
    "trail": environ.days_kept("RETENTION_TRAIL_DAYS", 0),
    "workflows": environ.days_kept("RETENTION_WORKFLOWS_DAYS", 0),
    "executions": environ.days_kept("RETENTION_EXECUTIONS_DAYS", 0),
}
# What the daily pruning archives first; nothing unless a directory is named.
RETENTION_ARCHIVE: str = environ.read("str", "RETENTION_ARCHIVE", "")

# --- Django ------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "audit",
    "monitoring",
    "scheduler",
    *(["demo"] if DEMO or TESTING else []),
]
MIDDLEWARE = [
    "config.request_ids.RequestIds",
    "config.http_metrics.HttpMetrics",
    "config.content_security.ContentSecurityPolicy",
    "config.chunked_bodies.ChunkedBodies",
    "config.errors.OutOfReach",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.page_tokens.PageTokens",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
APPEND_SLASH = False
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
# Login throttling must work while Redis is down, which is when someone wants to log in: so it counts in SQL.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        # When full, rows are dropped, and failed attempts with them: more than an attacker can fill in five minutes.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    # In the process: a GET writes nothing to SQL or Redis, and each process keeps its answers a minute or two anyway.
    "analytics": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "analytics",
        "OPTIONS": {"MAX_ENTRIES": 500},
    },
}
LANGUAGE_CODE = "en-us"
USE_I18N = False
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
# What running tasks report as media is served there, by whatever holds the files: Quarterdeck only points to it.
MEDIA_URL = environ.address("MEDIA_URL", "/media/")
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG

# --- Live feed ---------------------------------------------------------------------------------------------------
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": environ.channel_prefix(REDIS_URL)},
    },
}

# --- API ---------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["config.authentication.BearerToken", "config.authentication.BrowserSession"],
    "DEFAULT_PERMISSION_CLASSES": ["config.permissions.MayView"],
    "DEFAULT_THROTTLE_CLASSES": ["config.throttles.Allowance"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.bodies.OneKind",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.bodies.JSONBody"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.errors.answer_exception",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "URL_FORMAT_OVERRIDE": None,
}
JWT_LIFETIME = timedelta(minutes=environ.between("JWT_LIFETIME_MINUTES", 8 * 60, 1, 30 * 24 * 60))
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": SECRET_KEY,
    "ACCESS_TOKEN_LIFETIME": JWT_LIFETIME,
    "USER_ID_CLAIM": "sub",
    "TOKEN_TYPE_CLAIM": None,
}
# Failed logins in five minutes, after which the next must wait (audit/logins.py).
LOGIN_ATTEMPTS_PER_ACCOUNT = environ.between("LOGIN_ATTEMPTS_PER_ACCOUNT", 10, 1, 1_000)
LOGIN_ATTEMPTS_PER_SOURCE = environ.between("LOGIN_ATTEMPTS_PER_SOURCE", 50, 1, 1_000)
# Requests to the APIs in a minute, counted in Redis for all web processes (monitoring/allowances.py); 0: no limit.
API_REQUESTS_PER_MINUTE_PER_ACCOUNT = environ.between("API_REQUESTS_PER_MINUTE_PER_ACCOUNT", 1_200, 0, 1_000_000)
API_REQUESTS_PER_MINUTE_PER_SOURCE = environ.between("API_REQUESTS_PER_MINUTE_PER_SOURCE", 3_000, 0, 1_000_000)
SPECTACULAR_SETTINGS = {
    "TITLE": "Quarterdeck",
    "VERSION": "0.1.0",
    "DESCRIPTION": "Watches and steers background tasks that run on RQ.\n\nRequests are limited: an account has "
    f"{API_REQUESTS_PER_MINUTE_PER_ACCOUNT:,} a minute, an address {API_REQUESTS_PER_MINUTE_PER_SOURCE:,} (0: no "
    "limit), to be spent at once or over time. Beyond that the answer is 429, with the seconds to wait in "
    "`Retry-After`. Tokens end with their time, with the account, and with its password.",
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi_links.add_links",
    ],
    "SCHEMA_PATH_PREFIX": "",
    "ENUM_NAME_OVERRIDES": {
        "DashboardStatus": "monitoring.dashboard_api.vocabulary.STATUS_CHOICES",
        "TaskStatus": "monitoring.monitoring_api.vocabulary.STATUS_CHOICES",
        "MediaType": "monitoring.media.KINDS",
        "HealthStatusWord": "scheduler.health_api.serializers.HEALTH_STATUSES",
        "ProbeStatus": "scheduler.health_api.serializers.PROBE_STATUSES",
        "WorkflowTaskStatus": "scheduler.workflow_api.vocabulary.TASK_CHOICES",
        "WorkflowStepStatus": "scheduler.workflow_api.vocabulary.STEP_CHOICES",
        "WorkflowStatus": "scheduler.monitored_workflows.vocabulary.STATUS_CHOICES",
        "MonitoredStepStatus": "scheduler.monitored_workflows.vocabulary.STEP_CHOICES",
        "WaitTrend": "scheduler.queue_waits.TRENDS",
        "RecommendationType": "scheduler.recommendations.Kind",
        "ExecutionStatus": "scheduler.scheduler_api.vocabulary.STATUS_CHOICES",
        "ScheduleType": "scheduler.scheduler_api.vocabulary.SCHEDULE_CHOICES",
        "OverlapPolicy": "scheduler.scheduler_api.vocabulary.OVERLAP_CHOICES",
        "MisfirePolicy": "scheduler.scheduler_api.vocabulary.MISFIRE_CHOICES",
        "RetryBackoff": "scheduler.scheduler_api.vocabulary.BACKOFF_CHOICES",
        "FireCause": "scheduler.scheduler_api.vocabulary.CAUSE_CHOICES",
        "FireVerdict": "scheduler.scheduler_api.vocabulary.VERDICT_CHOICES",
    },
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": False,
    "SORT_OPERATION_PARAMETERS": False,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
}

# --- Security ----------------------------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_SSL_REDIRECT: bool = environ.read("bool", "SECURE_SSL_REDIRECT", not DEBUG)
# Behind a reverse proxy that sets X-Forwarded-Proto and X-Forwarded-For itself, whatever the client sent.
BEHIND_PROXY: bool = environ.read("bool", "BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
X_FRAME_OPTIONS = "DENY"
# Prometheus cannot renew a JWT: a token for /api/v1/metrics alone, or no lock at all.
METRICS_TOKEN = environ.metrics_token("METRICS_TOKEN")
METRICS_PUBLIC: bool = environ.read("bool", "METRICS_PUBLIC", False)
# Where the official client's files lie; it reads the variable when it is imported.
environ.metrics_directory("PROMETHEUS_MULTIPROC_DIR", DATA_DIR / "prometheus")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- Logs --------------------------------------------------------------------------------------------------------
LOG_FORMAT = environ.one_of("LOG_FORMAT", ("text", "json"))
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "config.logs.LineFormatter", "process_name": environ.process_name()},
        "json": {"()": "config.logs.JSONFormatter", "process_name": environ.process_name()},
    },
    "filters": {"demo": {"()": "demo.logs.ShortFailures"}} if DEMO else {},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # RQ tells four lines of every job, which the pages tell better.
        "rq": {"level": "WARNING"},
        "rq.worker": {"level": "WARNING", "filters": ["demo"] if DEMO else []},
        "daphne": {"level": "WARNING"},
    },
}
