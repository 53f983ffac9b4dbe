from pathlib import Path

import pandas as pd
import pytest

from data_modelling.evaluation.style import page
from data_modelling.rejection.degradation import KINDS
from data_modelling.rejection.severity import CLEAN, draw_severity, severity_figures, write_severity


def row(kind: str, step: int, right: tuple[int, int], refused: int = 0, warned: int = 0) -> dict[str, object]:
    """Ten melanomas and a hundred nevi; no dermatofibroma, which no figure counts."""
    photos = {"photos_MEL": 10, "photos_NV": 100, "photos_DF": 0}
    rights = {"right_MEL": right[0], "right_NV": right[1], "right_DF": 0}
    severity = KINDS[kind].severities[step - 1] if kind in KINDS else 0
    counts = {"refused": refused, "warned": warned}
    return {"kind": kind, "step": step, "severity": severity, **photos, **rights, **counts}


@pytest.fixture
def severity() -> pd.DataFrame:
    rows = [row(CLEAN, 0, (8, 80), 0, 2)]
    for kind, one in KINDS.items():
        rows += [row(kind, n, (8, 80)) for n in range(1, len(one.severities) + 1)]
    table = pd.DataFrame(rows).set_index(["kind", "step"], drop=False)
    table.loc[("dark", 2), ["right_MEL", "right_NV", "refused", "warned"]] = [6, 80, 11, 33]
    table.loc[("dark", 3), ["right_MEL", "right_NV", "refused", "warned"]] = [1, 50, 110, 0]
    return table.reset_index(drop=True)


def test_figures_by_hand(severity):
    found = severity_figures(severity)
    assert found["unchanged"]["balanced_accuracy"] == 0.8
    assert found["unchanged"]["caught"] == pytest.approx(2 / 110, abs=1e-6)
    dark = found["kinds"]["dark"]
    # .6 of the melanomas and .8 of the nevi are right: .7, the first below .9 * .8 = .72
    assert dark["first_below"]["balanced_accuracy"] == 0.7
    assert (dark["first_below"]["refused"], dark["first_below"]["caught"]) == (0.1, 0.4)
    assert dark["first_below"]["severity"] == KINDS["dark"].severities[1]
    assert found["kinds"]["blur"]["first_below"] is None


def test_the_interval_is_that_of_the_binomial(severity):
    low, high = severity_figures(severity)["unchanged"]["interval"]
    # Standard error of the mean of two shares: sqrt(.16 / 10 + .16 / 100) / 2 = .0663; two sides of 1.96 of it.
    assert high - low == pytest.approx(2 * 1.96 * 0.0663, rel=0.1)
    assert low < 0.8 < high


def test_counts_go_to_a_file_and_back_into_the_same_figures(severity, tmp_path):
    write_severity(tmp_path / "severity.csv", severity)
    assert severity_figures(pd.read_csv(tmp_path / "severity.csv")) == severity_figures(severity)


def test_a_panel_a_kind(severity, tmp_path: Path):
    with page(tmp_path / "severity.png", 12, 6) as figure:
        draw_severity(figure, severity_figures(severity))
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(KINDS)
