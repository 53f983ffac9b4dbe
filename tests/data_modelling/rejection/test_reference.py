import numpy as np
import pandas as pd

from data_modelling.inference.drift import compare, reference_of
from data_modelling.rejection.reference import reference


def test_the_training_distribution_has_not_moved_from_itself():
    rng = np.random.default_rng(1)
    probability = rng.dirichlet((1, 2, 3), 500)
    unchanged = pd.DataFrame({"light": rng.normal(170, 20, 500), "lesion_area": np.nan, "choosing": True})
    found = reference_of(
        {"reference": reference(probability, ["A", "B", "C"], unchanged, rng.normal(size=500))}
    )
    assert set(found) == {"A", "B", "C", "light", "nearness"}  # of the area nothing is known
    moved = compare(found, {"A": probability[:, 0], "light": unchanged["light"].to_numpy()})
    assert (
        max(one.distance for one in moved) <= 0.002 + 1e-9
    )  # of one photo, by the rounding of the quantiles
    assert found["light"][0] == round(unchanged["light"].min(), 6)
    assert found["light"][50] == round(np.sort(unchanged["light"])[249], 6)
