"""Writes an answer with a template as a DiagnosticReport of FHIR R4, a format for the records of hospitals."""

import json
from datetime import UTC, datetime

from flask import render_template

from data_modelling.inference.predictor import Answer
from data_modelling.inference.reason_codes import REASON_MEANINGS


def diagnostic_report(answer: Answer, site: str | None) -> str:
    """Return the report as JSON, with an Observation for the cancer classes together and one for each class."""
    report = render_template(
        "diagnostic_report.json",
        answer=answer,
        site=site,
        issued=datetime.now(UTC).isoformat(timespec="seconds"),
        reasons=[REASON_MEANINGS[code] for code in answer.reasons],
    )
    return json.dumps(json.loads(report))  # on one line
