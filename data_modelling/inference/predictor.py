"""The predictor: photo bytes and patient details in, a calibrated answer out."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.bundle import Bundle
from data_modelling.inference.checks import PHONE_PHOTO, UNLIKE_TRAINING, Checks, Findings
from data_modelling.inference.decision import cancer_columns, decisions, melanoma_column, probabilities
from data_modelling.inference.details import Details, encode
from data_modelling.inference.diagnoses import TASKS, Flag, learned
from data_modelling.inference.errors import BundleError
from data_modelling.inference.explanation import DETAILS, HEATMAP, DetailsEffect, Explanation
from data_modelling.inference.heatmap import Head, make_heatmap
from data_modelling.inference.photos import Crop, read_square
from data_modelling.inference.rarity import Rarity
from data_modelling.inference.runtime import onnxruntime
from data_modelling.inference.sets import WIDE_SET, PredictionSets, Sets
from data_modelling.inference.unknown import NONE_OF_CLASSES, Unknown
from data_modelling.inference.views import ONE, laid_back, positioned

DIGITS = 12  # decimals of every probability that leaves the predictor, so that all ways out agree exactly
HIGHER_CONCERN, NO_CANCER_CLASS, UNCERTAIN = "higher_concern", "no_cancer_class", "uncertain"
NO_EMBEDDING = np.zeros(0, np.float32)
REFUSED = "refused"  # the photo cannot be used: page and API answer 422, without probabilities
# Reasons for a status; those for doubt are in checks, sets and rarity.
CANCER_THRESHOLD, MELANOMA_THRESHOLD = "cancer_threshold", "melanoma_threshold"
HEAD_TOLERANCE = (
    1e-3  # of a logit, by which the head's sum may differ from the model's: float32 and its order
)


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

    status: higher_concern, no_cancer_class, uncertain, or refused: then nothing but the reasons is for readers.
    decision: the code of the decided class. reasons: codes that explain the status, or refuse the photo.
    classes: all classes, the most probable first. sets: the prediction sets. nearness: how near the photo is to
    those that the model learned from (see gate). explanation: what was asked for of it; None when nothing was.
    side: of the square that was judged, in pixels of the photo. embedding: the network's, (C,), for comparing photos
    of one patient.
    """

    status: str
    decision: str
    reasons: tuple[str, ...]
    probabilities: dict[str, float]
    classes: tuple[ClassProbability, ...]
    cancer_probability: float
    cancer_threshold: float
    model: dict[str, str]
    sets: Sets
    nearness: float
    explanation: Explanation | None = None
    side: int = 0
    embedding: NDArray[np.float32] = field(default_factory=lambda: NO_EMBEDDING, compare=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The API's answer."""
        shown = ("code", "name", "flag", "probability")
        explained = {"explanation": self.explanation.as_json()} if self.explanation else {}
        return {
            "status": self.status,
            "class": self.decision,
            "reasons": list(self.reasons),
            "probabilities": self.probabilities,
            "classes": [{key: getattr(one, key) for key in shown} for one in self.classes],
            "cancer": {"probability": self.cancer_probability, "threshold": self.cancer_threshold},
            "model": self.model,
            "prediction_sets": self.sets.as_json(),
            "nearness": self.nearness,
            **explained,
        }


class Predictor:
    """A bundle made ready to answer; safe to use from several threads.

    views: in how many positions the network sees each photo, one of views.COUNTS; what it says is their mean. The
    checks see the photo as it is.
    """

    def __init__(self, bundle: Bundle, views: int = ONE) -> None:
        """Raises BundleError when model.onnx cannot be run or does not fit its metadata."""
        self.bundle, self.views = bundle, views
        self.edge = int(bundle.metadata["edge"])
        self.diagnoses = TASKS[bundle.task]
        self._temperature = float(bundle.metadata["temperature"])
        self._decision_prior = np.array([bundle.metadata["decision_prior"][d.code] for d in self.diagnoses])
        self._cancer_threshold = float(bundle.metadata["thresholds"]["cancer"])
        self._melanoma_threshold = float(bundle.metadata["thresholds"]["melanoma"])
        self._cancer = cancer_columns(bundle.task)
        self._melanoma = melanoma_column(bundle.task)
        self._sets = PredictionSets.from_metadata(bundle.metadata, bundle.task)
        self._rarity = Rarity.from_metadata(bundle.metadata)
        self._unknown = Unknown.from_metadata(bundle.metadata, bundle.task)
        self._learned = learned(bundle.task)
        self._checks = Checks(bundle)
        self._session = _session(bundle)
        self._check_session()
        self._head = Head.from_metadata(bundle.metadata, len(self._learned))
        self._check_head()

    @property
    def has_heatmap(self) -> bool:
        """Whether the bundle says enough for a heat map."""
        return self._head is not None

    def answer(
        self,
        data: bytes,
        details: Details = Details(),  # noqa: B008 - frozen
        crop: Crop | None = None,
        dermatoscope: bool | None = None,
        explain: Collection[str] = (),
    ) -> Answer:
        """Read and judge one photo.

        data: the file's bytes. crop: default the centre square. dermatoscope: whether the photo was taken
        through one; False counts as a phone photo, and so does whatever looks like one. explain: any of
        explanation.EXPLANATIONS; a heat map that the bundle cannot give is left out. Raises PhotoError and
        FieldError as read_photo does.
        """
        photo, side = read_square(data, self.edge, crop)
        head = self._head if HEATMAP in explain else None
        outputs = (
            "logits",
            "embedding",
            *(("feature_map",) if head else ()),
        )  # of one run, whatever is asked for
        logits, embedding, *feature_map = self._run(outputs, photo, details)
        findings = self._checks.of(photo, side, embedding[0])
        judged = self._judge(self.completed(logits, findings), details)
        status, reasons = self._status(judged, findings, details, dermatoscope)
        answer = replace(
            judged,
            status=status,
            reasons=reasons,
            nearness=round(findings.nearness, DIGITS),
            side=side,
            embedding=embedding[0],
        )
        if not explain or status == REFUSED:
            return answer
        heatmap = make_heatmap(head, self._learned, feature_map[0][0], photo) if head else None
        effect = self._effect(photo, details, findings, answer) if DETAILS in explain else None
        return replace(answer, explanation=Explanation(heatmap, effect))

    @property
    def odd_ratio(self) -> float | None:
        """The oddity from which on a spot is marked as unlike the patient's others, if the bundle says it."""
        ratio = self.bundle.metadata.get("odd_one_out", {}).get("ratio")
        return None if ratio is None else float(ratio)

    def logits(self, photo: NDArray[np.uint8], details: Details) -> NDArray[np.float32]:
        """The network's logits (1, classes) of one photo (edge, edge, 3); see `completed`.

        One photo at a time everywhere: a batch's sums could differ in the last digit from a single photo's.
        """
        return self._run(("logits",), photo, details)[0]

    def completed(self, logits: NDArray[np.float32], findings: Findings) -> NDArray[np.floating]:
        """Logits (1, classes) as they are answered: where the task has a class that no photo could teach, with its own."""
        if self._unknown is None:
            return logits
        return self._unknown.completed(logits, np.array([findings.distance]), self._temperature)

    def embedding(self, photo: NDArray[np.uint8], details: Details) -> NDArray[np.float32]:
        """The network's embedding (C,) of one photo (edge, edge, 3)."""
        return np.asarray(self._run(("embedding",), photo, details)[0][0])

    def findings(self, photo: NDArray[np.uint8], source_edge: float) -> Findings:
        """What the checks say of one photo (edge, edge, 3). source_edge: see Checks.of."""
        return self._checks.of(photo, source_edge, self.embedding(photo, Details()))

    def _run(
        self, outputs: tuple[str, ...], photo: NDArray[np.uint8], details: Details
    ) -> list[NDArray[np.float32]]:
        """The network's outputs for one photo; of several views the mean, but the embedding, which the checks know.

        The head is linear, so that a map of the mean feature map explains the mean logits as exactly as one view's.
        """
        found = [self._run_view(outputs, photo, details, position) for position in range(self.views)]
        if self.views == ONE:
            return found[0]
        means = [np.asarray(np.mean(each, axis=0), np.float32) for each in zip(*found, strict=True)]
        if "embedding" in outputs:
            place = outputs.index("embedding")
            means[place] = found[0][place]
        return means

    def _run_view(
        self, outputs: tuple[str, ...], photo: NDArray[np.uint8], details: Details, position: int
    ) -> list[NDArray[np.float32]]:
        seen = positioned(photo, position)[None].astype(np.float32)
        found = self._session.run(outputs, {"photo": seen, "details": encode(details)[None]})
        arrays = [np.asarray(output) for output in found]
        if position and "feature_map" in outputs:
            place = outputs.index("feature_map")
            arrays[place] = laid_back(arrays[place][0], position)[None]
        return arrays

    def _effect(
        self, photo: NDArray[np.uint8], details: Details, findings: Findings, answer: Answer
    ) -> DetailsEffect:
        """What the details changed: the network runs once more without them, if there were any."""
        if details == Details():
            return DetailsEffect.between(answer, answer, given=False)
        without = self._judge(self.completed(self.logits(photo, Details()), findings), Details())
        return DetailsEffect.between(answer, without, given=True)

    def _judge(self, logits: NDArray[np.floating], details: Details) -> Answer:
        """What the logits (1, classes) say; status, reasons and nearness are still to be filled in."""
        exact = probabilities(logits, self._temperature)
        decided = self.diagnoses[int(decisions(exact, self._decision_prior)[0])]
        values = [round(float(value), DIGITS) for value in exact[0]]
        classes = [
            ClassProbability(d.code, d.name, d.plain, d.flag, d.flag_text, value)
            for d, value in zip(self.diagnoses, values, strict=True)
        ]
        return Answer(
            status="",
            decision=decided.code,
            reasons=(),
            probabilities={one.code: one.probability for one in classes},
            classes=tuple(sorted(classes, key=lambda one: -one.probability)),
            cancer_probability=round(float(exact[0, self._cancer].sum()), DIGITS),
            cancer_threshold=self._cancer_threshold,
            model={"name": self.bundle.name, "version": self.bundle.version, "sha256": self.bundle.sha256},
            sets=self._sets.of(np.array(values), with_details=details != Details()),
            nearness=float("nan"),
        )

    def _status(
        self, judged: Answer, findings: Findings, details: Details, dermatoscope: bool | None
    ) -> tuple[str, tuple[str, ...]]:
        """The status and why. A photo that cannot be used has no other; concern comes next, so that no doubt
        about a photo hides it.
        """
        if findings.refusals:
            return REFUSED, findings.refusals
        melanoma = judged.probabilities[self.diagnoses[self._melanoma].code]
        concern = [
            code
            for code, holds in (
                (CANCER_THRESHOLD, judged.cancer_probability >= self._cancer_threshold),
                (MELANOMA_THRESHOLD, melanoma >= self._melanoma_threshold),
            )
            if holds
        ]
        doubts = [
            code
            for code, holds in (
                (PHONE_PHOTO, findings.is_phone or dermatoscope is False),
                (UNLIKE_TRAINING, findings.is_unlike),
                (WIDE_SET, judged.sets.is_wide),
                (NONE_OF_CLASSES, judged.decision not in self._learned),
            )
            if holds
        ]
        reasons = (*concern, *doubts, *self._rarity.reasons(details), *findings.warnings)
        if concern:
            return HIGHER_CONCERN, reasons
        # One of reader and pixels is enough for a phone photo: a wrong "no result" does less harm than a wrong all-clear.
        says_nothing = not {PHONE_PHOTO, WIDE_SET, NONE_OF_CLASSES}.isdisjoint(doubts)
        return (UNCERTAIN if says_nothing else NO_CANCER_CLASS), reasons

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

    def _check_head(self) -> None:
        """The head in the metadata is the model's own: what it leaves of the logits is the same for any photo."""
        if self._head is None:
            return
        rests = []
        for grey in (0, 255):
            photo = np.full((self.edge, self.edge, 3), grey, np.uint8)
            feature_map = self._run(("feature_map",), photo, Details())[0][0]
            if feature_map.ndim != 3 or feature_map.shape[2] != len(self._head.kernel):
                raise BundleError(f"{self.bundle.folder}: the head does not fit the feature map.")
            logits = self.logits(photo, Details())[0, : len(self._learned)]
            rests.append(logits - self._head.photo_part(feature_map))
        if not np.allclose(rests[0], rests[1], atol=HEAD_TOLERANCE):
            raise BundleError(f"{self.bundle.folder}: head in metadata.json is not that of model.onnx.")


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
