"""The suite `http` on django-ninja."""

from __future__ import annotations

from http_django import DjangoSide
from serving import serve

if __name__ == "__main__":
    serve(DjangoSide("http_ninja_api"))
