"""The page of the answers that the reader keeps in their own browser, and what makes an answer a report."""

import datetime as dt
from dataclasses import dataclass

from flask import Blueprint, Flask, g, render_template

blueprint = Blueprint("history", __name__)


@dataclass(frozen=True)
class Report:
    """id: that of the request, as in the log and the header X-Request-Id. date: in ISO form. shown: to the minute."""

    id: str
    date: str
    shown: str


@blueprint.get("/history")
def page() -> str:
    """A page that the reader's browser fills."""
    return render_template("history.html")


def report_facts() -> Report:
    """Number and time of the answer that is being written."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return Report(g.request_id, now.isoformat(), now.strftime("%Y-%m-%d %H:%M"))


def init_app(app: Flask) -> None:
    """Offer the facts to the templates."""
    app.jinja_env.globals["report_facts"] = report_facts
