"""How well it works: a page for each bundle, all of it read from the bundle's files, and its saved plots."""

import hashlib

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.assets import ASK_AGAIN, FOR_GOOD
from app.bundles import current_bundles
from app.figures import Part, parts
from app.key_names import in_its_language
from app.languages import say as _
from app.plots import FOLDER, plots
from app.problems import problem
from app.record import chosen_on, cost, track_record, training_data
from app.targets import melanoma, unknown
from data_modelling.inference.bundle import Bundle

blueprint = Blueprint("models", __name__)
blueprint.add_app_template_filter(in_its_language)


@blueprint.get("/model")
def default() -> str | tuple[str, int]:
    """The page of the default bundle; without a valid one, the page says so and names what is wrong."""
    bundles = current_bundles()
    return _page(bundles.default) if bundles.default in bundles.valid else (_page(None), 503)


@blueprint.get("/model/<name>")
def model(name: str) -> str | AnyResponse:
    """The page of one bundle."""
    _bundle(name)
    if name == current_bundles().default:
        return redirect(url_for("models.default"))
    return _page(name)


@blueprint.get("/model/<name>/plots/<file>")
def plot(name: str, file: str) -> Response:
    """A plot, if SHA256SUMS lists it and it is still as listed there."""
    bundle = _bundle(name)
    expected = bundle.sums.get(FOLDER + file)
    path = bundle.folder / FOLDER / file
    if expected is None or path.suffix != ".png" or not path.is_file():
        raise problem("not_found", _("This bundle has no such plot."))
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != expected:
        raise problem("not_found", _("This plot was altered since the app was started."))
    response = Response(data, mimetype="image/png")
    response.headers["Cache-Control"] = FOR_GOOD if request.args.get("v") == expected[:12] else ASK_AGAIN
    return response


def _bundle(name: str) -> Bundle:
    bundle = current_bundles().valid.get(name)
    if bundle is None:
        raise problem("model_unknown", _("There is no valid bundle of this name."))
    return bundle


def _parts(bundle: Bundle) -> list[Part]:
    of_task = (found for found in (melanoma(bundle), unknown(bundle)) if found)
    return [*parts(bundle), *of_task]


def _page(name: str | None) -> str:
    bundles = current_bundles()
    bundle = bundles.valid[name] if name else None
    return render_template(
        "model.html",
        name=name,
        bundle=bundle,
        parts=_parts(bundle) if bundle else [],
        plots=plots(bundle) if bundle else [],
        tested=bundle and track_record(bundle, with_details=False),
        cost=bundle and cost(bundle.metrics, "cancer"),
        training_data=bundle and training_data(bundle.metadata),
        chosen_on=bundle and chosen_on(bundle.metadata),
        others=[other for other in bundles.valid if other != name],
        default_name=bundles.default,
        invalid=bundles.invalid,
    )
