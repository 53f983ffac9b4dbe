"""The page of the answers that readers keep in their browser; the number and the time of a report."""

import datetime as dt

from flask import Blueprint, Flask, g, render_template

blueprint = Blueprint("history", __name__)


@blueprint.get("/history")
def page() -> str:
    """Return a page that the reader's browser fills."""
    return render_template("history.html")


def report_facts() -> dict[str, str]:
    """Return the number of the current answer, as in the log and the header X-Request-Id, and its time.

    The time is `date` in ISO form, and `minute` for the page.
    """
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return {"id": g.request_id, "date": now.isoformat(), "minute": now.strftime("%Y-%m-%d %H:%M")}


def init_app(app: Flask) -> None:
    """Offer the facts of a report to the templates."""
    app.jinja_env.globals["report_facts"] = report_facts
