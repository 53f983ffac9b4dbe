"""Shares the fixtures of the app with the tests of the benchmarks."""

from tests.app.conftest import _colours_have_no_origin, app, bundles, client

__all__ = ["_colours_have_no_origin", "app", "bundles", "client"]
