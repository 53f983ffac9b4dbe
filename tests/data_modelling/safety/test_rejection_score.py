import json
import math

import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.errors import InputError
from data_modelling.metrics.predictions import read_table, write_table
from data_modelling.safety import rejection_score

TASK = "isic2019"


def rows(left_out: str, apart: float, count: int = 400, seed: int = 0) -> pd.DataFrame:
    """Photos of known classes with features around 0 and as many of none, whose entropy is `apart` higher."""
    rng = np.random.default_rng((seed, *left_out.encode()))
    known = np.repeat([1, 0], count)
    return pd.DataFrame(
        {
            "image_id": [f"{left_out}{row}" for row in range(2 * count)],
            "group_id": [f"{left_out}{row}" for row in range(2 * count)],
            "truth": np.where(known, "NV", left_out),
            "left_out": left_out,
            "known": known,
            "distance": rng.normal(0, 1, 2 * count),
            "entropy": rng.normal(0, 1, 2 * count) + apart * (1 - known),
        }
    )


def test_the_rows_of_a_network_that_never_saw_a_class():
    """Its entropy is over the classes that it saw: BCC's logit and that of none of the classes do not count."""
    table = pd.DataFrame({"image_id": ["a", "b"], "group_id": ["g", "h"], "diagnosis": ["BCC", "NV"]})
    logits = np.zeros((2, len(class_codes(TASK))))
    logits[:, class_codes(TASK).index("BCC")] = 50
    logits[:, class_codes(TASK).index("UNK")] = 70
    found = rejection_score.left_out_rows(table, logits, [1.25, math.inf], "BCC", TASK, temperature=1.3)
    assert found["known"].tolist() == [0, 1]
    assert found["distance"].tolist() == [1.25, 100.0]
    assert found["entropy"].tolist() == pytest.approx([math.log(7)] * 2, abs=1e-6)


def test_the_column_has_the_share_that_it_is_calibrated_for():
    """The weighted mean of the fitted probabilities is the weighted share: a property of logistic regression."""
    both = pd.concat([rows("BCC", 1.0), rows("BKL", 2.0)], ignore_index=True)
    part = rejection_score.fit_rejection_score(both, 0.02, TASK)
    score = part.weights.score(both["distance"].to_numpy(), both["entropy"].to_numpy())
    given = 1 / (1 + np.exp(-score))
    of_none = (both["known"] == 0).to_numpy()
    assert 0.02 * given[of_none].mean() + 0.98 * given[~of_none].mean() == pytest.approx(0.02, abs=1e-3)
    assert part.metadata["unknown"]["left_out"] == ["BCC", "BKL"]


def test_two_normal_distributions_give_the_weight_of_their_distance():
    """Equal spreads of 1 that lie d apart: log odds are linear with the slope d (linear discriminant analysis)."""
    part = rejection_score.fit_rejection_score(rows("BCC", 1.5, 20_000), 0.5, TASK)
    assert part.weights.entropy == pytest.approx(1.5, abs=0.05)
    assert part.weights.bias == pytest.approx(-(1.5**2) / 2, abs=0.05)


def test_a_feature_that_counts_the_wrong_way_round_is_left_out():
    weights = rejection_score.fit_rejection_score(rows("BCC", -1.0), 0.1, TASK).weights
    assert weights.entropy == 0
    assert weights.distance >= 0


def test_a_class_is_evaluated_with_weights_from_the_others():
    """BKL alone says that entropy counts, so that BCC, where it counts the other way, is recognised worse than by chance."""
    both = pd.concat([rows("BCC", -2.0), rows("BKL", 2.0)], ignore_index=True)
    part = rejection_score.fit_rejection_score(rows("BKL", 2.0), 0.02, TASK)
    figures = rejection_score.rejection_metrics(both, part.metadata | {"task": TASK})
    assert figures["classes"]["BCC"]["auroc"] < 0.2
    low, high = figures["classes"]["BCC"]["auroc_interval"]
    assert low < figures["classes"]["BCC"]["auroc"] < high
    assert figures["mean_auroc"] == pytest.approx(
        np.mean([found["auroc"] for found in figures["classes"].values()]), abs=1e-6
    )
    json.dumps(figures, allow_nan=False)


def test_a_fold_without_the_class_is_refused():
    without = rows("BCC", 1.0)
    without["known"] = 1
    with pytest.raises(InputError, match="no photo of BCC"):
        rejection_score.fit_rejection_score(without, 0.02, TASK)


def test_every_mode_of_the_network_is_completed():
    columns = {
        f"{mode}_{code}": [0.0] for mode in ("photo", "both", "shuffled") for code in class_codes(TASK)
    }
    predictions = pd.DataFrame({"image_id": ["a"], **columns})
    part = rejection_score.fit_rejection_score(rows("BCC", 1.0), 0.02, TASK)
    found = rejection_score.add_rejection_logits(
        predictions, pd.Series({"a": 0.5}), part.weights, TASK, temperature=1.0
    )
    score = part.weights.score(np.array([0.5]), np.array([math.log(8)]))[0]
    for mode in ("photo", "both", "shuffled"):
        assert found[f"{mode}_UNK"].iloc[0] == pytest.approx(score + math.log(8))
        assert (found[[f"{mode}_{code}" for code in learned_class_codes(TASK)]] == 0).all(axis=None)


def test_rows_are_read_as_written(tmp_path):
    expected = rows("BCC", 1.0, 5)
    write_table(tmp_path / "rows.csv", expected)
    again = read_table(tmp_path / "rows.csv", rejection_score.COLUMNS)
    pd.testing.assert_frame_equal(again, expected, check_dtype=False)
    (tmp_path / "rows.csv").write_text("image_id,group_id\na,b\n")
    with pytest.raises(InputError, match="lacks the column truth"):
        read_table(tmp_path / "rows.csv", rejection_score.COLUMNS)
