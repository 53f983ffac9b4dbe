import json
from pathlib import Path

import pytest

from data_modelling.evaluation.publish import publish
from data_modelling.evaluation.results import results
from data_modelling.inference.errors import InputError

PLOTS = (
    "architecture",
    "confusion_matrix",
    "decision_curve",
    "learning_curves",
    "precision_recall",
    "reliability",
    "risk_coverage",
    "roc",
    "shortcut_examples",
    "shortcuts",
    "subgroups",
    "operating_point",
    "severity",
)


def read(bundle: Path, name: str) -> dict:
    return json.loads((bundle / name).read_text())


def test_table_and_plots_reach_readme_and_data_plots(smoke_run: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- results smoke -->\n<!-- /results smoke -->\nafter\n")
    values = read(smoke_run, "metrics.json")
    publish(smoke_run, read(smoke_run, "metadata.json"), values, tmp_path)
    assert (
        readme.read_text()
        == f"before\n<!-- results smoke -->\n{results(values)}\n<!-- /results smoke -->\nafter\n"
    )
    figure = f"{values['out_of_fold']['photo']['macro_auc']:.3f}".removeprefix("0")
    assert f"| {figure} [" in readme.read_text()
    copied = {path.name for path in (tmp_path / "DATA" / "plots").iterdir()}
    assert copied == {f"smoke_{name}.png" for name in PLOTS}


def test_a_readme_without_the_block_is_left_as_it_is(smoke_run: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("no block\n")
    with pytest.raises(InputError, match="results smoke"):
        publish(smoke_run, read(smoke_run, "metadata.json"), read(smoke_run, "metrics.json"), tmp_path)
    assert (tmp_path / "README.md").read_text() == "no block\n"
