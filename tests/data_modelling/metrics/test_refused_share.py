import pytest

from data_modelling.metrics.bootstrap import refused_share


def test_a_share_has_wilsons_interval():
    found = refused_share(8, 10)
    assert (found["photos"], found["refused"], found["share"]) == (10, 8, 0.8)
    assert found["interval"] == pytest.approx([0.4902, 0.9433], abs=1e-4)


def test_none_of_twenty_is_not_surely_none():
    assert refused_share(0, 20)["interval"] == pytest.approx([0, 0.1611], abs=1e-4)
