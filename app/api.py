"""The answers for programs: JSON, and problems as RFC 9457 has them."""

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from app.analysis import analyse, slot
from app.bundles import RETRY_AFTER, current_bundles
from app.forms import read_submission, require_multipart
from app.languages import say as _
from app.problems import problem
from data_modelling.inference.bundle import Bundle

blueprint = Blueprint("api", __name__)


@blueprint.get("/healthz")
def health() -> Response:
    """200 while the default bundle can answer, else a 503 problem."""
    bundles = current_bundles()
    if not bundles.is_ready:
        raise problem(
            "model_unavailable",
            _("The bundle %(name)s is not valid.", name=bundles.default),
            retry_after=RETRY_AFTER,
        )
    return jsonify(status="ok", bundle=bundles.default, version=bundles.valid[bundles.default].version)


@blueprint.post("/api/v1/predictions")
def predictions() -> Response:
    """The probabilities for one photo."""
    max_bytes: int = current_app.config["MAX_PHOTO_BYTES"]
    with slot():
        require_multipart(request, max_bytes)
        return jsonify(analyse(read_submission(request, max_bytes)).as_json())


@blueprint.get("/api/v1/models")
def models() -> Response:
    """The valid bundles."""
    bundles = current_bundles()
    summaries = [_summary(name, bundle) for name, bundle in bundles.valid.items()]
    return jsonify(default=bundles.default, models=summaries)


@blueprint.get("/api/v1/models/<name>")
def model(name: str) -> Response:
    """What the files of one bundle say."""
    bundle = current_bundles().valid.get(name)
    if bundle is None:
        raise problem("model_unknown", _("There is no valid bundle of this name."))
    return jsonify(**_summary(name, bundle), metadata=bundle.metadata, metrics=bundle.metrics)


def _summary(name: str, bundle: Bundle) -> dict[str, Any]:
    return {"name": name, "version": bundle.version, "task": bundle.metadata["task"], "sha256": bundle.sha256}
