"""The metrics of two made clinic groups, as in metrics.json: `clinics` and `status_by_class`."""

from typing import Any

CLINIC_METRIC = {"value": 0.8125, "low": 0.75, "high": 0.875}
CLINICS: list[dict[str, Any]] = [
    {"group": "BCN", "name": "Barcelona", "photos": 11000, "lesions": 9000, "melanomas": 2200}
    | {
        "seen": {"melanoma_auc": CLINIC_METRIC},
        "left_out": {"refused": CLINIC_METRIC},
        "share_learned": 0.21,
    },
    {"group": "PAD", "name": "phones", "photos": 405, "lesions": 400, "melanomas": 16}
    | {"seen": {"macro_auc": CLINIC_METRIC}, "left_out": None},
]
STATUSES: list[dict[str, Any]] = [
    {"clinic": "BCN", "class": "MEL", "n": 200}
    | {"higher_concern": 160, "uncertain": 31, "no_cancer_class": 5, "refused": 4},
    {"clinic": "BCN", "class": "BCC", "n": 100}
    | {"higher_concern": 80, "uncertain": 6, "no_cancer_class": 12, "refused": 2},
    {"clinic": "PAD", "class": "BCC", "n": 40}
    | {"higher_concern": 30, "uncertain": 0, "no_cancer_class": 10, "refused": 0},
]
