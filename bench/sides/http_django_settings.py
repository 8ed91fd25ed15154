"""The settings of the Django sides of the suite `http`: what an API needs and no more."""

from __future__ import annotations

import os

from psycopg.conninfo import conninfo_to_dict

_database = conninfo_to_dict(os.environ["BENCH_DATABASE"])

SECRET_KEY = "of a bench"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = os.environ["BENCH_URLS"]
INSTALLED_APPS = ["core_django_app", "rest_framework"]
# It writes the length of each answer, without which WSGI answers in chunks.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database["dbname"],
        "USER": _database.get("user", ""),
        "PASSWORD": _database.get("password", ""),
        "HOST": _database.get("host", ""),
        "PORT": _database.get("port", ""),
        "CONN_MAX_AGE": None,
        "OPTIONS": {"prepare_threshold": 5, "server_side_binding": True},
    }
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["http_drf_defaults.ByHeader"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "http_drf_defaults.Fifty",
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["http_drf_defaults.OrjsonRenderer"],
    "UNAUTHENTICATED_USER": None,
}
