"""The web app: pages and an API that analyse photos with trained models (bundles). It stores no photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from app.settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """Return the app with its bundles checked and its default bundle loaded.

    settings: None means that every setting has its default. The app's modules are imported in this function, so that
    one module, such as app.settings, can be imported without the others.
    """
    from flask import Flask

    from app import bundles
    from app.analysis import api, examples, form_page, openapi, photo_analysis, visit
    from app.answer import wording
    from app.http import (
        assets,
        compression,
        languages,
        metrics_endpoint,
        photo_slots,
        problems,
        rate_limit,
        request_bodies,
        request_log,
        security,
    )
    from app.http.uploads import MemoryRequest
    from app.information import pages
    from app.model_page import page as model_page
    from app.settings import Settings

    settings = settings or Settings()
    app = Flask(__package__)
    app.request_class = MemoryRequest
    app.config.update(settings.for_flask())
    app.json.sort_keys = False  # type: ignore[attr-defined]  # classes stay in the order of the task

    for module in (form_page, visit, model_page, pages, openapi, examples, api):
        app.register_blueprint(module.blueprint)

    problems.init_app(app)
    languages.init_app(app)
    request_log.init_app(app)  # before the parts that refuse requests, to log refused requests too
    metrics_endpoint.init_app(app, settings)
    rate_limit.init_app(app, settings)  # before the parts that refuse requests, to count refused requests too
    security.init_app(app, settings)
    api.init_app(app)
    photo_slots.init_app(app, settings)
    request_bodies.init_app(app, settings)
    assets.init_app(app)
    compression.init_app(app)
    wording.init_app(app)
    pages.init_app(app)
    bundles.init_app(app, settings)
    photo_analysis.init_app(app, settings)
    return app
