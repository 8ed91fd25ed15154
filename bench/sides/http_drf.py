"""The suite `http` on Django REST Framework."""

from __future__ import annotations

from http_django import DjangoSide
from serving import serve

if __name__ == "__main__":
    serve(DjangoSide("http_drf_api"))
