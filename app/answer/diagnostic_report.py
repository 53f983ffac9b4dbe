"""An answer as a DiagnosticReport of FHIR R4, for a hospital's systems; a draft for research, without the photo.

Codes are used only if their source is open: the category of FHIR R4 (hl7.org/fhir/R4/codesystem-observation-category.html)
and the unit of UCUM. Everything else is text: SNOMED CT needs a licence, and LOINC has no code for these probabilities.
"""

from datetime import UTC, datetime
from typing import Any

from app.submission import Submission
from data_modelling.inference.predictor import Answer
from data_modelling.inference.reason_codes import REASON_MEANINGS

Resource = dict[str, Any]

STATUS = "preliminary"  # no doctor has confirmed it
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
UNIT_SYSTEM, UNIT_OF_SHARES = "http://unitsofmeasure.org", "1"
MODEL_ID = "model"
NO_DIAGNOSIS = "For education and research. It is no diagnosis and no medical device."


def diagnostic_report(answer: Answer, submission: Submission) -> Resource:
    """Return the resource as JSON objects: an Observation for the cancer classes together and one for each class."""
    cancer = _observation("cancer", "Probability of the cancer classes together", answer.cancer_probability)
    cancer["referenceRange"] = [
        {"high": _share(answer.cancer_threshold), "text": "below the threshold of concern"}
    ]
    observations = [cancer]
    for item in answer.classes:
        name = f"Probability of {item.name} ({item.flag.replace('_', ' ')})"
        observations.append(_observation(item.code.lower(), name, item.probability))
    site = submission.details.site
    for observation in observations if site else ():
        observation["bodySite"] = {"text": site}
    return {
        "resourceType": "DiagnosticReport",
        "contained": [_device(answer), *observations],
        "status": STATUS,
        "category": [{"text": "Dermatology"}],
        "code": {"text": "Classification of a photo of a skin lesion by a neural network"},
        "issued": datetime.now(UTC).isoformat(timespec="seconds"),
        "result": [{"reference": f"#{observation['id']}"} for observation in observations],
        "conclusion": _conclusion(answer),
    }


def _observation(name: str, text: str, probability: float) -> Resource:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": STATUS,
        "category": [{"coding": [{"system": CATEGORY, "code": "imaging", "display": "Imaging"}]}],
        "code": {"text": text},
        "valueQuantity": _share(probability),
        "device": {"reference": f"#{MODEL_ID}"},
    }


def _share(value: float) -> Resource:
    return {"value": value, "system": UNIT_SYSTEM, "code": UNIT_OF_SHARES}


def _device(answer: Answer) -> Resource:
    model = answer.model
    return {
        "resourceType": "Device",
        "id": MODEL_ID,
        "deviceName": [{"name": model["name"], "type": "model-name"}],
        "version": [{"value": model["version"]}],
        "note": [{"text": f"SHA-256 of model.onnx: {model['sha256']}. {NO_DIAGNOSIS}"}],
    }


def _conclusion(answer: Answer) -> str:
    reasons = "; ".join(REASON_MEANINGS[code] for code in answer.reasons)
    return f"{answer.status}{f' ({reasons})' if reasons else ''}. {NO_DIAGNOSIS}"
