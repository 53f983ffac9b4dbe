import numpy as np
import pandas as pd
import pytest

from data_modelling.evaluation.ugly_duckling import COLUMNS, choose_ratio, draw_visits, ugly_duckling_metrics


def visits(*rows: tuple[str, str, int, int, float, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_ratio_marks_the_wanted_share_of_healthy_visits():
    """Ten healthy patients of one visit, oddities 1.0 to 1.9: with 0.3 the three largest are marked."""
    table = visits(*[(str(i), "0", 0, 5, 1 + i / 10, 0, 0) for i in range(10)])
    ratio = choose_ratio(table, 0.3)
    assert (table["largest_oddity"] >= ratio).sum() == 3
    assert choose_ratio(table, 0.0) > 1.9


def test_patients_count_the_same_however_many_visits_they_have():
    """Patient a has one visit, b has four; marking b's two oddest marks a quarter of both together."""
    table = visits(("a", "0", 0, 5, 1.0, 0, 0), *[("b", "0", 0, 5, 1.1 + i / 10, 0, 0) for i in range(4)])
    assert (table["largest_oddity"] >= choose_ratio(table, 0.25)).tolist() == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_metrics_are_means_over_patients_and_cross_fitted():
    """Two parts, each with the ratio of the other: 2.0 just above part 1's oddest, and 1.0 above part 0's."""
    healthy = [(f"h{part}{i}", part, 0, 4, 1 + i / 10, 0, 0) for part in "01" for i in range(10)]
    ill = [("m", "0", 1, 4, 9.0, 1, 0), ("m", "0", 1, 4, 1.0, 0, 0), ("n", "1", 1, 5, 9.0, 1, 1)]
    found = ugly_duckling_metrics(visits(*healthy, *ill))
    assert found["patients"] == 22
    assert found["patients_with_melanoma"] == 2
    assert found["found"]["value"] == pytest.approx((0.5 + 1) / 2)
    assert found["wrong"]["value"] == pytest.approx(0.3)
    assert found["by_oddity"]["value"] == pytest.approx(0.75)
    assert found["by_score"]["value"] == pytest.approx(0.5)
    assert found["by_chance"]["value"] == pytest.approx((1 / 4 + 1 / 5) / 2)
    assert found["difference"]["value"] == pytest.approx(0.25)
    assert found["difference"]["interval"] == pytest.approx([0.0, 0.5])


def test_drawn_visits_hold_one_melanoma_at_most_and_know_whether_it_is_the_odd_one():
    """Patient p has two far-off melanomas of low score and three like moles; q has moles alone; r too few."""
    lesions = pd.DataFrame(
        {
            "group_id": ["p"] * 5 + ["q"] * 4 + ["r"] * 2,
            "part": ["0"] * 11,
            "malignant": [True, True, *[False] * 9],
        }
    )
    vectors = np.zeros((11, 2))
    vectors[:, 0] = np.arange(11) / 100
    vectors[:2, 0] = 5
    scores = np.where(lesions["malignant"], 0.1, 0.2)
    table = draw_visits(lesions, scores, vectors, draws=10)
    assert set(table["patient"]) == {"p", "q"}
    ill = table[table["patient"] == "p"]
    assert len(ill) == 10
    assert ill["melanoma"].eq(1).all()
    assert ill["photos"].between(3, 4).all()
    assert ill["odd_is_melanoma"].eq(1).all()
    assert ill["first_is_melanoma"].eq(0).all()
    healthy = table[table["patient"] == "q"]
    assert healthy["melanoma"].eq(0).all()
    assert healthy["odd_is_melanoma"].eq(0).all()
