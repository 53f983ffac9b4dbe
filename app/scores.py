"""The log of what was answered, where SCORE_LOG asks for one: day, probabilities and nearness, nothing else."""

from pathlib import Path

from flask import Flask, current_app

from app.bundles import current_bundles
from app.settings import Settings
from data_modelling.inference.predictor import Answer
from data_modelling.inference.score_log import ScoreLog


def init_app(app: Flask, settings: Settings) -> None:
    """Open the log for the classes of the default bundle; None where it is off or nothing can be answered."""
    bundle = app.extensions["bundles"].valid.get(settings.bundle)
    is_on = settings.score_log != "off" and bundle is not None
    app.extensions["scores"] = (
        ScoreLog(Path(settings.score_log).expanduser(), bundle.metadata["classes"]) if is_on else None
    )
    app.jinja_env.globals["score_log"] = is_on


def log_scores(answer: Answer) -> None:
    """Add an answer of the default bundle to the log, if there is one."""
    scores: ScoreLog | None = current_app.extensions["scores"]
    if scores and answer.model["name"] == current_bundles().predictor().bundle.name:
        scores.append(answer.probabilities, answer.nearness)
