"""The web app: a page and an API in front of the bundles. Photos stay in memory; nothing is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.settings import Settings
    from app.shared import Shared


def create_app(settings: Settings | None = None, shared: Shared | None = None) -> Flask:
    """An app with its bundles checked and its default bundle loaded; `settings` default to their own defaults.

    shared: what it shares with the server's other processes, if there are any.

    Its parts are imported here, so that the process that only keeps the server alive needs none of them.
    """
    from app import factory

    return factory.create_app(settings, shared)
