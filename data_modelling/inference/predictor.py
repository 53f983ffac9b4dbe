"""Turns the bytes of a photo and the patient details into an answer: a status, its reasons and probabilities."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.bundle import Bundle
from data_modelling.inference.checks.photo_checks import Findings, PhotoChecks
from data_modelling.inference.checks.rare_details import RareDetails
from data_modelling.inference.checks.rejection_score import RejectionScore
from data_modelling.inference.decision import (
    FRAME_SENSITIVE,
    NO_CANCER_CLASS,
    NOT_CLEAR,
    PHOTO_ALONE,
    REFUSED,
    VETOES,
    PhotoPredictionSets,
    PredictionSets,
    StatusThresholds,
    calibrated_probabilities,
    cancer_columns,
    decide_status,
    find_doubts,
    melanoma_column,
    predicted_classes,
)
from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.diagnoses import TASKS, Diagnosis, learned_class_codes
from data_modelling.inference.errors import BundleError
from data_modelling.inference.explanation.heat_map import Head, make_heatmap
from data_modelling.inference.explanation.neighbours import NeighbourIndex
from data_modelling.inference.onnx_runtime import one_line, open_session
from data_modelling.inference.photo.orientations import ONE_VIEW, orient_photo, undo_orientation
from data_modelling.inference.photo.reader import Crop, read_corner_frames, read_photo_and_edge

HEATMAP, DETAILS, NEIGHBOURS = EXPLANATIONS = ("heatmap", "details", "neighbours")  # the values of `explain`
PROBABILITY_DIGITS = 12  # decimals of every probability in an answer, so that page, API and csv agree exactly
NO_EMBEDDING = np.zeros(0, np.float32)
HEAD_TOLERANCE = 1e-3  # largest difference of logits that rounding explains; float32 sums are not exact


@dataclass(frozen=True)
class ClassProbability(Diagnosis):
    """Hold one class of an answer and its probability."""

    probability: float


@dataclass(frozen=True)
class Answer:
    """Hold the answer for one photo.

    status: higher_concern, no_cancer_class, uncertain or refused. For a refused photo, users see only the reasons.
    decision: the code of the decided class. reasons: codes that explain the status. classes: all classes, the most
    probable first. sets: the prediction sets (the classes that remain possible). nearness: how near the photo is to
    the training photos (see Gate.nearness). explanation: the requested EXPLANATIONS by name, as in the API; None for a
    refused photo, or if none was requested. side: the edge of the crop, in pixels of the original photo. embedding:
    (channels,), the network's description of the photo, to compare it with the patient's other photos.
    """

    status: str
    decision: str
    reasons: tuple[str, ...]
    probabilities: dict[str, float]
    classes: tuple[ClassProbability, ...]
    cancer_probability: float
    cancer_threshold: float
    model: dict[str, str]
    sets: PhotoPredictionSets
    nearness: float
    explanation: dict[str, Any] | None = None
    side: int = 0
    embedding: NDArray[np.float32] = field(default_factory=lambda: NO_EMBEDDING, compare=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the answer as in the API."""
        class_keys = ("code", "name", "flag", "probability")
        return {
            "status": self.status,
            "class": self.decision,
            "reasons": list(self.reasons),
            "probabilities": self.probabilities,
            "classes": [{key: getattr(item, key) for key in class_keys} for item in self.classes],
            "cancer": {"probability": self.cancer_probability, "threshold": self.cancer_threshold},
            "model": self.model,
            "prediction_sets": self.sets.as_json(),
            "nearness": self.nearness,
            **({} if self.explanation is None else {"explanation": self.explanation}),
        }


class Predictor:
    """A loaded bundle (a trained model) that returns an answer for a photo; several threads may use it at once.

    views: in how many views (orientations) the network sees each photo, one of VIEW_COUNTS. Logits and feature maps are
    means over the views. The embedding and the checks use only the unchanged photo.
    """

    def __init__(self, bundle: Bundle, views: int = ONE_VIEW) -> None:
        """Load the model; raise BundleError if model.onnx cannot be run or does not fit its metadata."""
        self.bundle, self.views = bundle, views
        self.edge = int(bundle.metadata["edge"])
        self.diagnoses = TASKS[bundle.task]
        self._temperature = float(bundle.metadata["temperature"])
        self._decision_prior = np.array([bundle.metadata["decision_prior"][d.code] for d in self.diagnoses])
        self.thresholds = StatusThresholds.from_metadata(bundle.metadata)
        self._cancer = cancer_columns(bundle.task)
        self._melanoma = melanoma_column(bundle.task)
        self._sets = PredictionSets.from_metadata(bundle.metadata, bundle.task)
        self._rarity = RareDetails.from_metadata(bundle.metadata)
        self._unknown = RejectionScore.from_metadata(bundle.metadata, bundle.task)
        self._learned = learned_class_codes(bundle.task)
        self._checks = PhotoChecks(bundle)
        self._session = open_session(bundle.folder / "model.onnx")
        self._neighbours = NeighbourIndex.load(bundle.folder)
        self._check_session()
        self._head = Head.from_metadata(bundle.metadata, len(self._learned))
        self._check_head()

    @property
    def explanations(self) -> frozenset[str]:
        """Return the possible EXPLANATIONS. A heat map needs the head (last layer), neighbours need the photo index."""
        parts = {HEATMAP: self._head is not None, NEIGHBOURS: self._neighbours is not None, DETAILS: True}
        return frozenset(name for name, is_there in parts.items() if is_there)

    def answer(
        self,
        data: bytes,
        details: Details = Details(),  # noqa: B008 - frozen
        crop: Crop | None = None,
        dermatoscope: bool | None = None,
        explain: Collection[str] = (),
    ) -> Answer:
        """Return the answer for one photo.

        data: the bytes of the file. crop: the default is the centre square. dermatoscope: whether the photo was taken
        through a dermatoscope; None if not known. The photo counts as a phone photo if `dermatoscope` is False, or if
        its pixels are like a phone photo's. explain: any of EXPLANATIONS; those that the bundle lacks are left out.
        Raises the errors of read_photo.
        """
        photo, side = read_photo_and_edge(data, self.edge, crop)
        head = self._head if HEATMAP in explain else None
        outputs = ("logits", "embedding", *(("feature_map",) if head else ()))
        logits, embedding, *feature_map = self._run(outputs, photo, details)
        findings = self._checks.of(photo, side, embedding[0])
        draft = self._draft(logits, details, findings.distance)

        alone = cache(partial(self._draft_alone, photo, draft, details, findings.distance))
        frames = partial(read_corner_frames, data, self.edge, crop)
        status, reasons = self._status(draft, alone, details, findings, dermatoscope, frames)
        nearness = round(findings.nearness, PROBABILITY_DIGITS)
        answer = replace(
            draft, status=status, reasons=reasons, nearness=nearness, side=side, embedding=embedding[0]
        )
        if not explain or status == REFUSED:
            return answer
        explanation: dict[str, Any] = {}
        if head:
            explanation[HEATMAP] = make_heatmap(head, self._learned, feature_map[0][0], photo)
        if DETAILS in explain:
            explanation[DETAILS] = {
                "given": details != Details(),
                "classes": {
                    code: {"with": value, "without": alone().probabilities[code]}
                    for code, value in draft.probabilities.items()
                },
                "cancer": {"with": draft.cancer_probability, "without": alone().cancer_probability},
            }
        if NEIGHBOURS in explain and self._neighbours:
            explanation[NEIGHBOURS] = self._neighbours.nearest(embedding[0], data)
        return replace(answer, explanation=explanation)

    @property
    def odd_ratio(self) -> float | None:
        """Return the outlier score at or above which a spot is unlike the patient's other spots (an ugly duckling).

        It is None if the bundle has no such score. It is also None if the bundle's tests (evaluation.ugly_duckling) do
        not show that outlier scores find melanomas more often than chance does.
        """
        ratio = self.bundle.metadata.get("odd_one_out", {}).get("ratio")
        visits = self.bundle.metrics.get("visits", {})
        if ratio is None or not {"by_oddity", "by_chance"} <= set(visits):
            return None
        is_proven = visits["by_oddity"]["interval"][0] > visits["by_chance"]["value"]
        return float(ratio) if is_proven else None

    def logits(self, photo: NDArray[np.uint8], details: Details) -> NDArray[np.float32]:
        """Return the network's logits (1, classes) of a photo (edge, edge, 3); for the unknown class, see `completed`.

        The network gets one photo at a time, because its outputs for a batch could differ in the last digit.
        """
        return self._run(("logits",), photo, details)[0]

    def completed(self, logits: NDArray[np.float32], distance: float) -> NDArray[np.floating]:
        """Return logits (1, classes). If the task has the unknown class, its logit comes from the rejection score.

        distance: the photo's distance from the training photos, as the gate measures it.
        """
        if self._unknown is None:
            return logits
        return self._unknown.completed(logits, np.array([distance]), self._temperature)

    def embedding(self, photo: NDArray[np.uint8], details: Details) -> NDArray[np.float32]:
        """Return the network's embedding (channels,) of one photo (edge, edge, 3)."""
        return np.asarray(self._run(("embedding",), photo, details)[0][0])

    def findings(self, photo: NDArray[np.uint8], source_edge: float) -> Findings:
        """Return the findings of the checks for one photo (edge, edge, 3). source_edge: see PhotoChecks.of."""
        return self._checks.of(photo, source_edge, self.embedding(photo, Details()))

    def _run(
        self, outputs: tuple[str, ...], photo: NDArray[np.uint8], details: Details
    ) -> list[NDArray[np.float32]]:
        """Return the named outputs of the network for one photo. All but the embedding are means over the views.

        The embedding is that of the unchanged photo, because the checks were fitted on such embeddings. The head is
        linear, so the class activation maps of the mean feature map explain the mean logits exactly.
        """
        by_view = []
        for position in range(self.views):
            view = orient_photo(photo, position) if position else photo
            batch = view[None].astype(np.float32)
            results = self._session.run(outputs, {"photo": batch, "details": encode_details(details)[None]})
            arrays = dict(zip(outputs, map(np.asarray, results), strict=True))
            if position and "feature_map" in arrays:
                arrays["feature_map"] = undo_orientation(arrays["feature_map"][0], position)[None]
            by_view.append(arrays)
        first = by_view[0]
        if self.views == ONE_VIEW:
            return list(first.values())
        means = {name: np.mean([arrays[name] for arrays in by_view], axis=0) for name in outputs}
        return [
            first[name] if name == "embedding" else np.asarray(means[name], np.float32) for name in outputs
        ]

    def _status(
        self,
        draft: Answer,
        alone: Callable[[], Answer],
        details: Details,
        findings: Findings,
        dermatoscope: bool | None,
        frames: Callable[[], list[NDArray[np.uint8]]],
    ) -> tuple[str, tuple[str, ...]]:
        """Return the status and its reasons. alone: calls _draft_alone. frames: calls read_corner_frames."""
        if findings.refusals:
            return REFUSED, findings.refusals
        rare = self._rarity.reasons(details)
        concern = self._thresholds_reached(draft)
        if rare and not concern and self._thresholds_reached(alone()):
            # The model learned too little about rare details. They must not hide a concern that the photo alone raises.
            concern = (PHOTO_ALONE,)
        fits_none = draft.decision not in self._learned
        doubts = find_doubts(findings, details, rare, dermatoscope, draft.sets.is_wide, fits_none)
        vetoed = not VETOES.isdisjoint(doubts)
        clear = self.thresholds.clear
        if concern or vetoed:
            return decide_status(np.nan, clear, concern=bool(concern), vetoed=vetoed), (*concern, *doubts)
        highest = max(draft.cancer_probability, alone().cancer_probability)
        status = decide_status(highest, clear)
        if status != NO_CANCER_CLASS:
            return status, (*doubts, NOT_CLEAR)
        # The network sees the corner frames only if the probability for the whole crop is below the clear threshold.
        highest = max(highest, *(self._highest_cancer_probability(frame, details) for frame in frames()))
        status = decide_status(highest, clear)
        return status, doubts if status == NO_CANCER_CLASS else (*doubts, NOT_CLEAR, FRAME_SENSITIVE)

    def _highest_cancer_probability(self, frame: NDArray[np.uint8], details: Details) -> float:
        """Return the cancer probability of a frame with the details or without them, whichever is higher."""
        logits, embedding = self._run(("logits", "embedding"), frame, details)
        distance = self._checks.distance(frame, embedding[0]) if self._unknown else np.nan
        draft = self._draft(logits, details, distance)
        alone = self._draft_alone(frame, draft, details, distance)
        return max(draft.cancer_probability, alone.cancer_probability)

    def _thresholds_reached(self, draft: Answer) -> tuple[str, ...]:
        """Return the codes of the thresholds that the probabilities reach."""
        melanoma = draft.probabilities[self.diagnoses[self._melanoma].code]
        return self.thresholds.reached(draft.cancer_probability, melanoma)

    def _draft(self, logits: NDArray[np.floating], details: Details, distance: float) -> Answer:
        """Return an answer without status, reasons and nearness. logits: (1, classes). distance: see `completed`."""
        exact = calibrated_probabilities(self.completed(logits, distance), self._temperature)
        decided = self.diagnoses[int(predicted_classes(exact, self._decision_prior)[0])]
        values = [round(float(value), PROBABILITY_DIGITS) for value in exact[0]]
        classes = [
            ClassProbability(**vars(diagnosis), probability=value)
            for diagnosis, value in zip(self.diagnoses, values, strict=True)
        ]
        return Answer(
            status="",
            decision=decided.code,
            reasons=(),
            probabilities={item.code: item.probability for item in classes},
            classes=tuple(sorted(classes, key=lambda item: -item.probability)),
            cancer_probability=round(float(exact[0, self._cancer].sum()), PROBABILITY_DIGITS),
            cancer_threshold=self.thresholds.cancer,
            model={"name": self.bundle.name, "version": self.bundle.version, "sha256": self.bundle.sha256},
            sets=self._sets.of(np.array(values), with_details=details != Details()),
            nearness=float("nan"),
        )

    def _draft_alone(
        self, photo: NDArray[np.uint8], draft: Answer, details: Details, distance: float
    ) -> Answer:
        """Return the draft for a photo without its details. draft: the draft with them. distance: see `completed`."""
        if details == Details():
            return draft
        return self._draft(self.logits(photo, Details()), Details(), distance)

    def _check_session(self) -> None:
        """Run the model once on a black photo, so that a wrong shape is found when the bundle is loaded."""
        model = self.bundle.folder / "model.onnx"
        blank = np.zeros((self.edge, self.edge, 3), np.uint8)
        try:
            logits, embedding = self._run(("logits", "embedding"), blank, Details())
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise BundleError(f"{model} does not fit its metadata.json: {one_line(error)}") from error
        if logits.shape != (1, len(self.diagnoses)):
            raise BundleError(f"{model} does not give one logit for each class; restore the bundle.")
        if not np.isfinite(logits).all():
            raise BundleError(f"{model} gives logits that are no numbers; restore the bundle.")
        if self._neighbours and embedding.shape[1] != self._neighbours.embedding.shape[1]:
            raise BundleError(
                f"{self.bundle.folder}: the index of known photos does not fit model.onnx; restore the bundle."
            )

    def _check_head(self) -> None:
        """Raise BundleError if the head in the metadata is not the model's."""
        if self._head is None:
            return
        # With the model's head, the logits minus Head.photo_part are the same for a black and for a white photo.
        rests = []
        for grey in (0, 255):
            photo = np.full((self.edge, self.edge, 3), grey, np.uint8)
            feature_map = self._run(("feature_map",), photo, Details())[0][0]
            if feature_map.ndim != 3 or feature_map.shape[2] != len(self._head.kernel):
                raise BundleError(
                    f"{self.bundle.folder}: the head does not fit the feature map; restore the bundle."
                )
            logits = self.logits(photo, Details())[0, : len(self._learned)]
            rests.append(logits - self._head.photo_part(feature_map))
        if not np.allclose(rests[0], rests[1], atol=HEAD_TOLERANCE):
            raise BundleError(
                f"{self.bundle.folder}: head in metadata.json does not belong to model.onnx; restore the bundle."
            )
