"""The log of answers that SCORE_LOG turns on: only day, probabilities and nearness."""

from pathlib import Path

from flask import Flask, current_app

from app.bundles import current_bundles
from app.settings import Settings
from data_modelling.inference.drift.score_log import ScoreLog
from data_modelling.inference.predictor import Answer


def init_app(app: Flask, settings: Settings) -> None:
    """Open the log for the classes of the default bundle, unless it is off or there is no default bundle."""
    bundle = app.extensions["bundles"].valid.get(settings.bundle)
    is_on = settings.score_log != "off" and bundle is not None
    app.extensions["scores"] = (
        ScoreLog(Path(settings.score_log).expanduser(), bundle.metadata["classes"]) if is_on else None
    )
    app.jinja_env.globals["score_log"] = is_on


def log_scores(answer: Answer) -> None:
    """Append an answer of the default bundle to the log, if there is a log."""
    scores: ScoreLog | None = current_app.extensions["scores"]
    if scores and answer.model["name"] == current_bundles().predictor().bundle.name:
        scores.append(answer.probabilities, answer.nearness)
