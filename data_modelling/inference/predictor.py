"""The predictor: photo bytes and patient details in, a calibrated answer out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from data_modelling.inference.bundle import Bundle
from data_modelling.inference.decision import cancer_columns, decisions, melanoma_column, probabilities
from data_modelling.inference.details import Details, encode
from data_modelling.inference.diagnoses import TASKS, Flag
from data_modelling.inference.errors import BundleError
from data_modelling.inference.photos import Crop, read_photo

DIGITS = 12  # decimals of every probability that leaves the predictor, so that all ways out agree exactly
HIGHER_CONCERN, NO_CANCER_CLASS, UNCERTAIN = "higher_concern", "no_cancer_class", "uncertain"
# Reasons for a status.
CANCER_THRESHOLD, MELANOMA_THRESHOLD, PHONE_PHOTO = "cancer_threshold", "melanoma_threshold", "phone_photo"


@dataclass(frozen=True)
class ClassProbability:
    """One class of an answer, with its texts."""

    code: str
    name: str
    plain: str
    flag: Flag
    flag_text: str
    probability: float


@dataclass(frozen=True)
class Answer:
    """What the model says of one photo.

    status: higher_concern, no_cancer_class or uncertain. decision: the code of the decided class.
    reasons: codes that explain the status. classes: all classes, the most probable first.
    """

    status: str
    decision: str
    reasons: tuple[str, ...]
    probabilities: dict[str, float]
    classes: tuple[ClassProbability, ...]
    cancer_probability: float
    cancer_threshold: float
    model: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """The API's answer."""
        shown = ("code", "name", "flag", "probability")
        return {
            "status": self.status,
            "class": self.decision,
            "reasons": list(self.reasons),
            "probabilities": self.probabilities,
            "classes": [{key: getattr(one, key) for key in shown} for one in self.classes],
            "cancer": {"probability": self.cancer_probability, "threshold": self.cancer_threshold},
            "model": self.model,
        }


class Predictor:
    """A bundle made ready to answer; safe to use from several threads."""

    def __init__(self, bundle: Bundle) -> None:
        """Raises BundleError when model.onnx cannot be run or does not fit its metadata."""
        if len(TASKS[bundle.task]) == 1:
            raise BundleError(f"{bundle.folder} is of the task {bundle.task}, which cannot be answered yet.")
        self.bundle = bundle
        self.edge = int(bundle.metadata["edge"])
        self.diagnoses = TASKS[bundle.task]
        self._temperature = float(bundle.metadata["temperature"])
        self._decision_prior = np.array([bundle.metadata["decision_prior"][d.code] for d in self.diagnoses])
        self._cancer_threshold = float(bundle.metadata["thresholds"]["cancer"])
        self._melanoma_threshold = float(bundle.metadata["thresholds"]["melanoma"])
        self._cancer = cancer_columns(bundle.task)
        self._melanoma = melanoma_column(bundle.task)
        self._session = _session(bundle)
        self._check_session()

    def answer(
        self,
        data: bytes,
        details: Details = Details(),  # noqa: B008 - frozen
        crop: Crop | None = None,
        dermatoscope: bool | None = None,
    ) -> Answer:
        """Read and judge one photo.

        data: the file's bytes. crop: default the centre square. dermatoscope: whether the photo was taken
        through one; False counts as a phone photo. Raises PhotoError and FieldError as read_photo does.
        """
        photo = read_photo(data, self.edge, crop)
        return self._judge(self.logits(photo, details), dermatoscope)

    def logits(self, photo: NDArray[np.uint8], details: Details) -> NDArray[np.float32]:
        """Logits (1, classes) of one photo (edge, edge, 3).

        One photo at a time everywhere: a batch's sums could differ in the last digit from a single photo's.
        """
        inputs = {"photo": photo[None].astype(np.float32), "details": encode(details)[None]}
        return np.asarray(self._session.run(["logits"], inputs)[0])

    def _judge(self, logits: NDArray[np.float32], dermatoscope: bool | None) -> Answer:
        exact = probabilities(logits, self._temperature)
        decided = self.diagnoses[int(decisions(exact, self._decision_prior)[0])]
        values = [round(float(value), DIGITS) for value in exact[0]]
        cancer = round(float(exact[0, self._cancer].sum()), DIGITS)
        status, reasons = self._status(cancer, values[self._melanoma], dermatoscope)
        classes = [
            ClassProbability(d.code, d.name, d.plain, d.flag, d.flag_text, value)
            for d, value in zip(self.diagnoses, values, strict=True)
        ]
        return Answer(
            status=status,
            decision=decided.code,
            reasons=reasons,
            probabilities={one.code: one.probability for one in classes},
            classes=tuple(sorted(classes, key=lambda one: -one.probability)),
            cancer_probability=cancer,
            cancer_threshold=self._cancer_threshold,
            model={"name": self.bundle.name, "version": self.bundle.version, "sha256": self.bundle.sha256},
        )

    def _status(
        self, cancer: float, melanoma: float, dermatoscope: bool | None
    ) -> tuple[str, tuple[str, ...]]:
        """The status and why; concern comes first, so that no doubt about a photo hides it."""
        reasons = [
            code
            for code, holds in (
                (CANCER_THRESHOLD, cancer >= self._cancer_threshold),
                (MELANOMA_THRESHOLD, melanoma >= self._melanoma_threshold),
                (PHONE_PHOTO, dermatoscope is False),
            )
            if holds
        ]
        if CANCER_THRESHOLD in reasons or MELANOMA_THRESHOLD in reasons:
            return HIGHER_CONCERN, tuple(reasons)
        return (UNCERTAIN if PHONE_PHOTO in reasons else NO_CANCER_CLASS), tuple(reasons)

    def _check_session(self) -> None:
        """One run on an empty photo, so that a model of another shape is found at start."""
        model = self.bundle.folder / "model.onnx"
        blank = np.zeros((self.edge, self.edge, 3), np.uint8)
        try:
            logits = self.logits(blank, Details())
        except Exception as error:  # onnxruntime's exceptions share no base class of its own
            raise BundleError(f"{model} does not take what metadata.json says: {_one_line(error)}") from error
        if logits.shape != (1, len(self.diagnoses)):
            raise BundleError(f"{model} does not give one logit a class; restore the bundle.")
        if not np.isfinite(logits).all():
            raise BundleError(f"{model} gives logits that are no numbers; restore the bundle.")


def _session(bundle: Bundle) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # best for single photos; the cores are used by requests side by side
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised as well
    model = bundle.folder / "model.onnx"
    try:
        return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class of its own
        raise BundleError(f"{model} cannot be loaded: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
