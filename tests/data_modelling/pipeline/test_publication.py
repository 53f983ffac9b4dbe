import json
from pathlib import Path

import pytest

from data_modelling.card.model_card import results_text, summary_text
from data_modelling.inference.errors import InputError
from data_modelling.pipeline.bundle_update import publish_bundle

PLOTS = (
    "architecture",
    "confusion_matrix",
    "decision_curve",
    "learning_curves",
    "precision_recall",
    "reliability",
    "risk_coverage",
    "roc",
    "shortcuts",
    "subgroups",
)


def read(bundle: Path, name: str) -> dict:
    return json.loads((bundle / name).read_text())


def block(name: str, text: str) -> str:
    return f"before\n<!-- {name} smoke -->\n{text}<!-- /{name} smoke -->\nafter\n"


def test_tables_and_plots_reach_the_documents_and_data_plots(smoke_run: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    readme, page, other = (tmp_path / name for name in ("README.md", "docs/results.md", "docs/other.md"))
    readme.write_text(block("summary", ""))
    page.write_text(block("results", ""))
    other.write_text("no block\n")
    metadata, values = read(smoke_run, "metadata.json"), read(smoke_run, "metrics.json")
    publish_bundle(smoke_run, metadata, values, tmp_path)
    assert page.read_text() == block("results", results_text(metadata, values) + "\n")
    assert readme.read_text() == block("summary", summary_text(metadata, values) + "\n")
    assert other.read_text() == "no block\n"
    metric = f"{values['out_of_fold']['photo']['macro_auc']:.3f}".removeprefix("0")
    assert f"| {metric} [" in page.read_text()
    assert f"| {metric} [" in readme.read_text()
    copied = {path.name for path in (tmp_path / "DATA" / "plots").iterdir()}
    assert copied == {f"smoke_{name}.png" for name in PLOTS}


def test_a_plot_that_the_bundle_no_longer_has_is_removed(smoke_run: Path, tmp_path: Path) -> None:
    plots = tmp_path / "DATA" / "plots"
    for folder in (tmp_path / "docs", plots):
        folder.mkdir(parents=True)
    (tmp_path / "docs" / "results.md").write_text(block("results", ""))
    (tmp_path / "README.md").write_text("no block\n")
    for old in ("smoke_elsewhere.png", "smoke_large_elsewhere.png", "metadata_smoke_age.png"):
        (plots / old).write_bytes(b"old")
    publish_bundle(smoke_run, read(smoke_run, "metadata.json"), read(smoke_run, "metrics.json"), tmp_path)
    others = {"smoke_large_elsewhere.png", "metadata_smoke_age.png"}  # of another bundle and of a notebook
    assert {path.name for path in plots.iterdir()} == others | {f"smoke_{name}.png" for name in PLOTS}


def test_a_readme_without_the_short_table_is_left_as_it_is(smoke_run: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "results.md").write_text(block("results", ""))
    (tmp_path / "README.md").write_text("no block\n")
    publish_bundle(smoke_run, read(smoke_run, "metadata.json"), read(smoke_run, "metrics.json"), tmp_path)
    assert (tmp_path / "README.md").read_text() == "no block\n"


def test_without_a_page_for_the_results_nothing_is_written(smoke_run: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(block("summary", ""))
    with pytest.raises(InputError, match="results smoke"):
        publish_bundle(smoke_run, read(smoke_run, "metadata.json"), read(smoke_run, "metrics.json"), tmp_path)
    assert (tmp_path / "README.md").read_text() == block("summary", "")
    assert not (tmp_path / "DATA").exists()
