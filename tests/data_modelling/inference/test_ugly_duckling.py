import numpy as np
import pytest

from data_modelling.inference.ugly_duckling import find_ugly_duckling, mean_distances, outlier_scores

# Three spots in a row at 0, 1 and 5: mean distances 3, 2.5 and 4.5.
ROW = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])


def test_distances_are_means_to_the_others():
    assert mean_distances(ROW) == pytest.approx([3.0, 2.5, 4.5])


def test_oddity_is_the_distance_over_the_median_of_the_others():
    assert outlier_scores(ROW) == pytest.approx([3 / 3.5, 2.5 / 3.75, 4.5 / 2.75])


@pytest.mark.parametrize(("ratio", "index"), [(1.6, 2), (4.5 / 2.75, 2), (1.7, None)])
def test_one_is_odd_from_the_ratio_on(ratio, index):
    assert find_ugly_duckling(ROW, ratio) == index


def test_of_two_none_is_odd():
    assert find_ugly_duckling(ROW[:2], 1.0) is None
    assert outlier_scores(ROW[:2]) == pytest.approx([1, 1])


def test_spots_that_are_all_the_same_are_not_odd():
    assert outlier_scores(np.ones((4, 2))) == pytest.approx([1, 1, 1, 1])
    assert find_ugly_duckling(np.ones((4, 2)), 1.5) is None
