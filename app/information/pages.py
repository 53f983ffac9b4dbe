"""The pages of information: diagnoses, limits, privacy, the project, and the answers that a browser keeps."""

import datetime as dt
import tomllib
from collections.abc import Iterable
from pathlib import Path

from flask import Blueprint, Flask, current_app, g, render_template

from app.analysis.examples import EXAMPLES_SOURCE
from app.bundle_facts import photos_by_class, threshold_cost
from app.bundles import current_bundles
from data_modelling.inference import source_facts
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.source_facts import SourceFacts

blueprint = Blueprint("knowledge", __name__)
history_blueprint = Blueprint("history", __name__)

# For each class code: texts, which the pages translate, and the titles and addresses of the texts' sources.
DIAGNOSIS_INFORMATION = tomllib.loads(Path(__file__).with_name("diagnoses.toml").read_text(encoding="utf-8"))


@blueprint.get("/diagnoses")
def diagnoses() -> str:
    """Return the page that explains each class in plain words and names the sources."""
    bundle = current_bundles().default_bundle
    task = bundle.task if bundle else "ham10000"
    photos = photos_by_class(bundle) if bundle else {}
    return render_template(
        "diagnoses.html",
        diagnoses=[
            (diagnosis, DIAGNOSIS_INFORMATION[diagnosis.code], photos.get(diagnosis.code))
            for diagnosis in TASKS[task]
        ],
    )


@blueprint.get("/limits")
def limits() -> str:
    """Return the page about what the model cannot do."""
    bundle = current_bundles().default_bundle
    counts = {code: count for code, count in photos_by_class(bundle).items() if count} if bundle else {}
    rarest_code = min(counts, key=lambda code: counts[code]) if counts else None
    classes = TASKS[bundle.task] if bundle else ()
    facts = source_facts.facts_by_source(bundle.metadata) if bundle else {}
    return render_template(
        "limits.html",
        bundle=bundle,
        cost=bundle and threshold_cost(bundle.metrics, "cancer"),
        melanoma_cost=bundle and threshold_cost(bundle.metrics, "melanoma"),
        with_skin_types=", ".join(name for name, known in facts.items() if known.has_skin_types),
        classes=len(classes),
        rarest=next((item for item in classes if item.code == rarest_code), None),
        rarest_photos=counts.get(rarest_code or "", 0),
    )


@blueprint.get("/privacy")
def privacy() -> str:
    """Return the page about what happens to photos and details."""
    return render_template("privacy.html", max_upload_mb=current_app.config["MAX_UPLOAD_MB"])


@blueprint.get("/about")
def about() -> str:
    """Return the page about the project, its licences and its data."""
    bundle = current_bundles().default_bundle
    return render_template(
        "about.html", bundle=bundle, cited=_cited_data_sets(current_bundles().valid.values())
    )


def _cited_data_sets(bundles: Iterable[Bundle]) -> dict[str, SourceFacts]:
    """Return the facts, by name, about published data sets that train or test a bundle, or contain the examples."""
    names, facts = {EXAMPLES_SOURCE}, dict(source_facts.SOURCE_FACTS)
    for bundle in bundles:
        bundle_facts = source_facts.facts_by_source(bundle.metadata)
        facts = bundle_facts | facts
        names |= {*bundle_facts, *bundle.metrics.get("elsewhere", {})}
    return {name: facts[name] for name in sorted(names & facts.keys()) if facts[name].published}


@history_blueprint.get("/history")
def page() -> str:
    """Return the page of the kept answers, which the reader's browser fills in."""
    return render_template("history.html")


def report_facts() -> dict[str, str]:
    """Return the id of the current request, as in the log and the header X-Request-Id, and the time in UTC.

    `date` is the time in ISO form, and `minute` the time as the page shows it, such as "2026-03-01 14:05".
    """
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return {"id": g.request_id, "date": now.isoformat(), "minute": now.strftime("%Y-%m-%d %H:%M")}


def init_app(app: Flask) -> None:
    """Register the page of the kept answers, and offer report_facts to the templates."""
    app.register_blueprint(history_blueprint)
    app.jinja_env.globals["report_facts"] = report_facts
