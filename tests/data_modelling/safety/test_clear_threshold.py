import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.errors import InputError
from data_modelling.safety.clear_threshold import (
    cleared_share_bound,
    fit_clear_threshold,
    group_threshold,
    lowest_scores,
)


def photos(clinic: str, scores: list[float], diagnosis: str = "MEL") -> pd.DataFrame:
    """One photo of one lesion for each score, without a veto."""
    lesions = [f"{diagnosis}{number}" for number in range(len(scores))]
    rows = {"clinic": clinic, "group_id": lesions, "diagnosis": diagnosis, "score": scores, "vetoed": False}
    return pd.DataFrame(rows)


def rising(count: int) -> list[float]:
    """0.001, 0.002, ... so that the lesion number k (from 0) has the score (k + 1) / 1000."""
    return [round(0.001 * (number + 1), 3) for number in range(count)]


def test_the_bound_is_that_of_clopper_and_pearson() -> None:
    """Worked by hand: with none cleared, the bound p solves (1 - p)^n = 0.05; with one, (1-p)^n + n p (1-p)^(n-1)."""
    assert cleared_share_bound(0, 150) == pytest.approx(1 - 0.05 ** (1 / 150))
    bound = cleared_share_bound(1, 200)
    assert (1 - bound) ** 200 + 200 * bound * (1 - bound) ** 199 == pytest.approx(0.05)
    assert cleared_share_bound(7, 7) == 1


def test_a_group_allows_as_many_cleared_lesions_as_its_size_can_certify() -> None:
    """150 lesions certify 3 % only with none cleared (1.98 %; one would be 3.12 %), 300 with four (3.02 % with 4)."""
    assert cleared_share_bound(1, 150) > 0.03 > cleared_share_bound(0, 150)
    assert group_threshold(np.array(rising(150))) == 0.001  # S < .001 holds for none of them
    assert cleared_share_bound(4, 300) > 0.03 > cleared_share_bound(3, 300)
    assert group_threshold(np.array(rising(300))) == 0.004  # the three with .001, .002 and .003 are cleared
    assert group_threshold(np.array(rising(98))) == 0  # too few: even none cleared leaves a bound of 3.01 %


def test_equal_scores_are_cleared_together_or_not_at_all() -> None:
    assert group_threshold(np.array([0.001] * 3 + [0.002] * 297)) == 0.002
    assert group_threshold(np.array([0.001] * 4 + [0.002] * 296)) == 0.001


def test_the_threshold_is_rounded_down() -> None:
    assert group_threshold(np.full(150, 0.1234567)) == 0.123456


def test_one_clear_photo_clears_a_lesion_and_a_veto_keeps_it() -> None:
    table = photos("BCN", [0.5, 0.02, 0.3, 0.4]).assign(
        group_id=["a", "a", "b", "c"], vetoed=[False, False, False, True]
    )
    assert lowest_scores(table).tolist() == [0.02, 0.3, np.inf]
    assert lowest_scores(table.assign(vetoed=[False, True, False, False])).tolist() == [0.3, 0.4, 0.5]
    assert group_threshold(np.full(150, np.inf)) == 1  # all have a veto, so that any score may be cleared


def test_the_smallest_threshold_applies_and_small_groups_only_check_it() -> None:
    large, other, small = (
        photos("BCN", rising(300)),
        photos("MSK", [0.003] * 2 + [0.1] * 148),
        photos("PAD", [0.0, 0.2]),
    )
    moles = photos("BCN", [0.001, 0.0025, 0.5, 0.002], "NV").assign(vetoed=[False, False, False, True])
    threshold, table = fit_clear_threshold(pd.concat([large, other, small, moles]))
    assert threshold == 0.003  # of MSK; BCN alone would allow .004
    rows = {row.pop("clinic"): row for row in table}
    assert rows["BCN"] == {
        "melanoma_lesions": 300,
        "own_threshold": 0.004,
        "cleared": 2,
        "share": pytest.approx(2 / 300, abs=1e-4),
        "bound": pytest.approx(cleared_share_bound(2, 300), abs=1e-4),
        "moles": 4,
        "cleared_moles": 0.5,
    }
    assert rows["MSK"]["cleared"] == 0
    assert rows["MSK"]["cleared_moles"] is None
    assert (rows["PAD"]["own_threshold"], rows["PAD"]["cleared"], rows["PAD"]["share"]) == (None, 1, 0.5)


def test_melanoma_or_benign_count_as_melanoma_and_mole() -> None:
    """The task of ISIC 2020 has two classes of other names, and gets the same threshold."""
    table = pd.concat([photos("BCN", rising(300)), photos("BCN", [0.001, 0.5], "NV")])
    renamed = table.replace({"diagnosis": {"MEL": "melanoma", "NV": "benign"}})
    assert fit_clear_threshold(renamed) == fit_clear_threshold(table)


def test_without_a_large_group_nothing_is_cleared() -> None:
    threshold, table = fit_clear_threshold(photos("PAD", [0.0] * 20))
    assert threshold == 0
    assert table[0]["cleared"] == 0


def test_scores_that_are_absent_or_no_numbers_are_refused() -> None:
    table = photos("BCN", rising(150))
    with pytest.raises(InputError, match="lack the column vetoed"):
        fit_clear_threshold(table.drop(columns="vetoed"))
    with pytest.raises(InputError, match="not a number"):
        fit_clear_threshold(table.assign(score=np.nan))
