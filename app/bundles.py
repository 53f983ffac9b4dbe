"""The app's bundles (trained models). At the start, all are checked, but only the default one is loaded."""

import logging
import os
from pathlib import Path
from threading import Lock
from typing import cast

from flask import Flask, current_app

from app.http.languages import translate as _
from app.http.problems import problem
from app.settings import Settings
from data_modelling.inference.bundle import Bundle, load_bundle
from data_modelling.inference.errors import BundleError
from data_modelling.inference.photo.orientations import ONE_VIEW
from data_modelling.inference.predictor import Predictor

MODEL_FILE = "model.onnx"
RETRY_AFTER = 60  # seconds after which a client may ask again for a bundle that is not valid

log = logging.getLogger(__name__)


class Bundles:
    """Hold the bundles of a folder. Each bundle is a subfolder, and the subfolder's name is the bundle's key.

    valid: the bundles that passed the checks, by name, in alphabetical order. invalid: by name, the reason why a bundle
    cannot be used. The reasons contain no paths, because pages show them. At most two predictors (loaded bundles) are
    in memory: one for the default bundle, and one for whichever of the other bundles was used last.
    """

    def __init__(self, folder: Path, default: str, views: int = ONE_VIEW) -> None:
        self.default = default
        self.invalid: dict[str, str] = {}
        self._views = views
        self._folder = folder
        folders = sorted(folder.iterdir()) if folder.is_dir() else []
        self.valid = {
            path.name: bundle
            for path in folders
            if path.is_dir() and not path.name.startswith(".") and (bundle := self._load_or_note_error(path))
        }
        self._default_predictor = self._load_predictor(self.valid.get(default))
        self._other: Predictor | None = None
        self._lock = Lock()
        if self._default_predictor is None:
            if self.valid.pop(default, None):
                self.invalid[default] = f"{MODEL_FILE} cannot be used."
            log.error("the default bundle %s in %s is not valid; only others can answer", default, folder)

    @property
    def default_bundle(self) -> Bundle | None:
        """Return the default bundle, or None if it cannot answer."""
        return self.valid.get(self.default)

    def bundle(self, name: str) -> Bundle:
        """Return a valid bundle by its name. Raises a model_unknown Problem if there is none."""
        if name not in self.valid:
            raise problem("model_unknown", _("There is no valid bundle of this name."))
        return self.valid[name]

    def _load_or_note_error(self, path: Path) -> Bundle | None:
        try:
            return load_bundle(path)
        except BundleError as error:
            log.warning("bundle %s is left out: %s", path.name, error)
            self.invalid[path.name] = str(error).replace(f"{path}{os.sep}", "").replace(str(path), path.name)
            return None

    def predictor(self, name: str | None = None) -> Predictor:
        """Return the predictor of the bundle `name`, or of the default bundle if no name is given.

        Raises a Problem with one of two codes. bundle_unknown: no valid bundle has this name. model_unavailable: the
        default bundle is not valid, or the named bundle cannot be loaded.
        """
        if name is None or name == self.default:
            predictor = self._default_predictor
        elif name not in self.valid:
            names = ", ".join(self.valid) or "none"
            message = _("No valid bundle has this name. The valid bundles are: %(known)s.", known=names)
            raise problem("bundle_unknown", message, "bundle")
        else:
            with self._lock:
                if self._other is None or self._other.bundle.folder.name != name:
                    self._other = None  # frees the memory of the old predictor before the new one is loaded
                    bundle = self._load_or_note_error(self._folder / name)
                    if bundle and bundle.sums != self.valid[name].sums:
                        log.warning("bundle %s has changed since the app was started; reload the app", name)
                        bundle = None  # because the pages have the metrics of the old one
                    self._other = self._load_predictor(bundle)
                predictor = self._other
        if predictor is None:
            message = _("The model is not valid, so the app cannot analyse photos.")
            raise problem("model_unavailable", message, retry_after=RETRY_AFTER)
        return predictor

    def _load_predictor(self, bundle: Bundle | None) -> Predictor | None:
        try:
            return Predictor(bundle, self._views) if bundle else None
        except BundleError as error:
            log.warning("bundle %s cannot be used: %s", bundle and bundle.folder.name, error)
            return None


def init_app(app: Flask, settings: Settings) -> None:
    """Check the bundles of the app and load the default one."""
    app.extensions["bundles"] = Bundles(settings.bundles, settings.bundle, settings.views)


def current_bundles() -> Bundles:
    """Return the bundles of the app that answers the current request."""
    return cast("Bundles", current_app.extensions["bundles"])
