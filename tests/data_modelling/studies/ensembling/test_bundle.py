from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.bundle import load_bundle
from data_modelling.metrics.predictions import OUT_OF_FOLD_FILE, read_predictions, true_classes
from data_modelling.studies.ensembling import bundle as ensembling
from tests.conftest import PROJECT


class Stopped(Exception):
    """Ends the making of the metadata after the calibration."""


@pytest.mark.parametrize("name", ["isic2020", "ham10000"])
def test_an_ensemble_is_calibrated_for_the_class_shares_of_its_members(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of isic2020 are not the shares of its own photos; so its photos are weighted to have them."""
    arguments: list[Any] = []

    def calibrate(*values: Any) -> None:
        arguments.extend(values)
        raise Stopped

    monkeypatch.setattr(ensembling, "choose_calibration", calibrate)
    member = load_bundle(PROJECT / "DATA" / "models" / name)
    predictions = read_predictions(member.folder / "predictions" / OUT_OF_FOLD_FILE)
    with pytest.raises(Stopped):
        ensembling._metadata([member, member], predictions, "both", "1.0.0")
    expected = np.array([member.metadata["reference_shares"][code] for code in member.metadata["classes"]])
    _, _, shares, _, weights = arguments
    np.testing.assert_allclose(shares, expected)
    assert (weights is None) == (name == "ham10000")
    if weights is not None:
        weighted = pd.Series(weights).groupby(true_classes(predictions, member.task)).sum()
        np.testing.assert_allclose(weighted / weights.sum(), expected)
