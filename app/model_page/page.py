"""The page "How well it works" of each bundle (trained model) and the images of its plots, all read from the bundle."""

import hashlib

from flask import Blueprint, Response, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.bundle_facts import threshold_cost
from app.bundles import RETRY_AFTER, current_bundles
from app.http.assets import allow_cache
from app.http.languages import translate as _
from app.http.problems import problem
from app.model_page.metric_values import in_its_language
from app.model_page.plots import PLOTS_FOLDER, saved_plots, whole_percent, worst_mistake
from app.model_page.sections import metrics_sections, subgroup_name

blueprint = Blueprint("models", __name__)

OUT_OF_FOLD_PREFIX = "out-of-fold photos of fold "  # the beginning of `chosen_on` in metadata.json

for template_filter in (in_its_language, subgroup_name, whole_percent, worst_mistake):
    blueprint.add_app_template_filter(template_filter)


@blueprint.get("/model")
def default() -> str | tuple[str, int, dict[str, str]]:
    """Return the page of the default bundle. If the bundle is invalid, the page gives the reason, with status 503."""
    bundles = current_bundles()
    if bundles.default in bundles.valid:
        return _page(bundles.default)
    return _page(None), 503, {"Retry-After": str(RETRY_AFTER)}


@blueprint.get("/model/<name>")
def model(name: str) -> str | AnyResponse:
    """Return a bundle's page, or redirect to /model for the default one. Raises a Problem for an unknown name."""
    current_bundles().bundle(name)
    return redirect(url_for("models.default")) if name == current_bundles().default else _page(name)


@blueprint.get("/model/<name>/plots/<file>")
def plot(name: str, file: str) -> Response:
    """Return a plot as PNG. Raises a Problem if SHA256SUMS does not list it, or if it has changed since the start."""
    bundle = current_bundles().bundle(name)
    expected = bundle.sums.get(PLOTS_FOLDER + file)
    path = bundle.folder / PLOTS_FOLDER / file
    if expected is None or path.suffix != ".png" or not path.is_file():
        raise problem("not_found", _("This bundle has no plot of this name."))
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != expected:
        raise problem("not_found", _("This plot has changed since the app was started."))
    response = Response(data, mimetype="image/png")
    allow_cache(response, expected[:12])
    return response


def _page(name: str | None) -> str:
    bundles = current_bundles()
    bundle = bundles.valid[name] if name else None
    return render_template(
        "model.html",
        name=name,
        bundle=bundle,
        parts=metrics_sections(bundle) if bundle else [],
        plots=saved_plots(bundle) if bundle else [],
        tested=bundle and bundle.metrics.get("out_of_fold", {}).get("photos"),
        cost=bundle and threshold_cost(bundle.metrics, "cancer"),
        out_of_fold_prefix=OUT_OF_FOLD_PREFIX,
        others=[other for other in bundles.valid if other != name],
        default_name=bundles.default,
        invalid=dict(bundles.invalid),  # a copy, because another thread may add a bundle
    )
