import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.card.model_card import card_text, results_text, summary_text, update_markdown_block
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.errors import InputError
from data_modelling.inference.explanation.neighbours import THUMBNAILS_FILE
from data_modelling.pipeline.report import _compute_metrics, _predictions_by_part, write_report
from tests.conftest import PROJECT

COMMITTED = sorted(path for path in (PROJECT / "DATA" / "models").iterdir() if path.is_dir())


@pytest.mark.usefixtures("rendered_plots")
def test_a_rerun_gives_the_same_files_byte_for_byte(smoke_bundle: Path) -> None:
    plots = sorted(path.relative_to(smoke_bundle).as_posix() for path in (smoke_bundle / "plots").iterdir())
    names = ["metrics.json", "README.md", "SHA256SUMS", *plots]
    before = [(smoke_bundle / name).read_bytes() for name in names]
    (smoke_bundle / "metrics.json").unlink()
    write_report(smoke_bundle)
    assert [(smoke_bundle / name).read_bytes() for name in names] == before
    load_bundle(smoke_bundle)


def test_metrics_follow_from_the_predictions_by_hand(smoke_bundle: Path) -> None:
    """Every photo's logits made certain of its true class but for one nevus, which is called a melanoma."""
    path = smoke_bundle / "predictions" / "out_of_fold.csv.gz"
    predictions = pd.read_csv(path, dtype={"part": str})
    codes = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    said = predictions["truth"].tolist()
    wrong = said.index("NV")
    said[wrong] = "MEL"
    predictions[[f"photo_{code}" for code in codes]] = 100.0 * np.array(
        [[one == code for code in codes] for one in said]
    )
    predictions.to_csv(path, index=False)
    metrics = write_report(smoke_bundle)["out_of_fold"]
    nevi, count = int((predictions["truth"] == "NV").sum()), len(predictions)
    assert metrics["photo"]["balanced_accuracy"] == pytest.approx((6 + (nevi - 1) / nevi) / 7, abs=1e-6)
    assert metrics["photo"]["accuracy"] == pytest.approx((count - 1) / count, abs=1e-6)
    assert metrics["majority_share"] == pytest.approx(nevi / count, abs=1e-6)
    assert metrics["photo"]["confusion"][1][0] == 1
    cost = metrics["thresholds"]["cancer"]
    cancers = int(predictions["truth"].isin(["MEL", "BCC", "AKIEC"]).sum())
    assert (cost["positives"], cost["missed"], cost["negatives"], cost["flagged"]) == (
        cancers,
        0,
        count - cancers,
        1,
    )


def test_each_plot_can_be_opened_and_is_wide_enough_to_read(smoke_run: Path) -> None:
    for path in (smoke_run / "plots").iterdir():
        with Image.open(path) as plot:
            assert plot.width >= 900


@pytest.mark.parametrize("bundle", COMMITTED, ids=lambda path: path.name)
def test_committed_metrics_are_what_the_predictions_give(bundle: Path) -> None:
    metadata = json.loads((bundle / "metadata.json").read_text())
    values = _compute_metrics(bundle, metadata, _predictions_by_part(bundle))
    assert json.dumps(values, indent=1) + "\n" == (bundle / "metrics.json").read_text()
    written = json.loads((bundle / "metrics.json").read_text())
    assert card_text(metadata, written) == (bundle / "README.md").read_text()


@pytest.mark.parametrize("bundle", COMMITTED, ids=lambda path: path.name)
def test_a_page_of_docs_has_the_results_of_the_bundle(bundle: Path) -> None:
    metadata, values = (json.loads((bundle / name).read_text()) for name in ("metadata.json", "metrics.json"))
    texts = [path.read_text() for path in (PROJECT / "docs").glob("*.md")]
    assert [block for text in texts for block in blocks(text, f"results {metadata['name']}")] == [
        results_text(metadata, values)
    ]


def test_the_readmes_table_is_the_default_bundles() -> None:
    bundle = PROJECT / "DATA" / "models" / "ham10000"
    metadata, values = (json.loads((bundle / name).read_text()) for name in ("metadata.json", "metrics.json"))
    text = (PROJECT / "README.md").read_text()
    assert blocks(text, f"summary {metadata['name']}") == [summary_text(metadata, values)]
    assert text.count("<!-- summary ") == 1


def blocks(text: str, name: str) -> list[str]:
    """Return the texts of all blocks of a name."""
    return [part.split(f"\n<!-- /{name} -->")[0] for part in text.split(f"<!-- {name} -->\n")[1:]]


@pytest.mark.parametrize("bundle", COMMITTED, ids=lambda path: path.name)
def test_committed_bundles_keep_to_the_limits(bundle: Path) -> None:
    load_bundle(bundle)
    sizes = {path.name: path.stat().st_size for path in bundle.rglob("*") if path.is_file()}
    assert sum(sizes.values()) <= 20_000_000
    assert sum(path.stat().st_size for path in (bundle / "plots").iterdir()) <= 900_000
    assert sizes["model.onnx"] <= 8_500_000
    assert sizes.get(THUMBNAILS_FILE, 0) <= 2_000_000  # three bundles have at most 6 MB
    assert json.loads((bundle / "metadata.json").read_text())["parameters"] <= 2_000_000


def test_a_block_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- results x -->\nold\n<!-- /results x -->\nb\n")
    update_markdown_block(path, "results x", "new\\1")
    assert path.read_text() == "a\n<!-- results x -->\nnew\\1\n<!-- /results x -->\nb\n"
    with pytest.raises(InputError, match="has no block"):
        update_markdown_block(path, "results y", "new")


def test_figures_are_made_without_keras_and_tensorflow() -> None:
    """They come from the committed predictions: a stranger needs neither photos nor the means of training."""
    blocked = "import sys; sys.modules.update(keras=None, tensorflow=None); import data_modelling.evaluate"
    subprocess.run([sys.executable, "-c", blocked], cwd=PROJECT, check=True)
