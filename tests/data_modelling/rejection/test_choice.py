import numpy as np
import pytest

from data_modelling.inference.looks import COUNT
from data_modelling.rejection import choice
from data_modelling.rejection.gate import Measured


def test_the_nearest_neighbour_counts_by_its_direction(monkeypatch):
    monkeypatch.setattr(choice, "NEIGHBOURS", 1)
    known = np.array([[2, 0], [0, 5]], np.float32)
    found = choice.neighbours(known, np.array([[7, 0], [3, 3]], np.float32))
    assert found == pytest.approx([0, np.sqrt(2 - np.sqrt(2))], abs=1e-3)


def test_what_differs_in_looks_alone_is_found_by_the_ways_that_see_them():
    rng = np.random.default_rng(1)

    def measured(count, shift):
        looks = rng.normal(shift, 1, (count, COUNT)).astype(np.float32)
        return Measured(rng.uniform(1, 2, (count, 4)).astype(np.float32), looks), rng.normal(0, 1, (count, 3))

    training, _ = measured(400, 0)
    sets = {"stopping": measured(200, 0), "fold": measured(200, 0), "foreign": measured(50, 3)}
    rows = choice.compared(training, rng.integers(0, 3, 400), sets).set_index("way")
    assert rows.loc["looks", "foreign refused"] == 1
    assert rows.loc["embedding + 0.5 looks", "AUROC"] > 0.9
    assert rows.loc["energy", "AUROC"] == pytest.approx(0.5, abs=0.15)
