"""A model of HAM10000's classes in tests: its decision is the most probable class, and its logits need no temperature."""

from data_modelling.inference.diagnoses import class_codes

TASK = "ham10000"
CODES = class_codes(TASK)
METADATA = {
    "task": TASK,
    "classes": list(CODES),
    "temperature": 1.0,
    "decision_prior": dict.fromkeys(CODES, 1 / 7),
}
