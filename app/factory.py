"""The app put together from its parts."""

from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException, SecurityError

from app import (
    analysis,
    api,
    assets,
    bodies,
    bundles,
    counters,
    history,
    knowledge,
    languages,
    limits,
    models,
    openapi,
    pages,
    requests_log,
    scores,
    security,
    visits,
    wording,
)
from app.problems import Problem, from_http_exception, json_response
from app.settings import Settings
from app.shared import Shared
from app.uploads import MemoryRequest


def create_app(settings: Settings | None = None, shared: Shared | None = None) -> Flask:
    """An app with its bundles checked and its default bundle loaded.

    settings: default to their own defaults. shared: what it shares with the server's other processes, if there are any.
    """
    settings, shared = settings or Settings(), shared or Shared()
    app = Flask(__package__)
    app.request_class = MemoryRequest
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_body_bytes,
        MAX_VISIT_BYTES=settings.max_visit_body_bytes,
        MAX_PHOTO_BYTES=settings.max_photo_bytes,
        MAX_UPLOAD_MB=settings.max_upload_mb,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # classes stay in the order of the task
    for part in (pages, visits, models, knowledge, history, openapi, api):
        app.register_blueprint(part.blueprint)
    app.register_error_handler(Problem, show_problem)
    app.register_error_handler(HTTPException, show_http_exception)
    languages.init_app(app)
    requests_log.init_app(app)  # first, so that the time of a refused request is measured too
    counters.init_app(app, settings, shared)
    limits.init_app(app, settings, shared)  # before all that refuses, so that those requests are counted too
    security.init_app(app, settings)
    bodies.init_app(app)
    assets.init_app(app)
    wording.init_app(app)
    history.init_app(app)
    analysis.init_app(app)
    bundles.init_app(app, settings)
    scores.init_app(app, settings)
    return app


def show_problem(found: Problem) -> Response:
    """A problem as JSON under the API's addresses, else as a page."""
    for_programs = request.path.startswith("/api/") or request.path == "/healthz"
    # Under a host name that is not ours no address can be built, so there is no page to show.
    if for_programs or isinstance(request.routing_exception, SecurityError):
        return json_response(found)
    return make_response(render_template("problem.html", problem=found), found.status, found.headers)


def show_http_exception(error: HTTPException) -> Response:
    """What werkzeug and Flask raise, in the same form."""
    return show_problem(from_http_exception(error))
