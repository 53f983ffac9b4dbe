import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.evaluation.card import card, update_block
from data_modelling.evaluation.publish import block_name
from data_modelling.evaluation.report import all_figures, write_report
from data_modelling.evaluation.results import results
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.errors import InputError
from tests.conftest import PROJECT

COMMITTED = sorted(path for path in (PROJECT / "DATA" / "models").iterdir() if path.is_dir())


def test_a_rerun_gives_the_same_files_byte_for_byte(smoke_bundle: Path) -> None:
    plots = sorted(path.relative_to(smoke_bundle).as_posix() for path in (smoke_bundle / "plots").iterdir())
    names = ["metrics.json", "README.md", "SHA256SUMS", *plots]
    before = [(smoke_bundle / name).read_bytes() for name in names]
    (smoke_bundle / "metrics.json").unlink()
    write_report(smoke_bundle)
    assert [(smoke_bundle / name).read_bytes() for name in names] == before
    load_bundle(smoke_bundle)


def test_figures_follow_from_the_predictions_by_hand(smoke_bundle: Path) -> None:
    """Every photo's logits made certain of its true class but for one nevus, which is called a melanoma."""
    path = smoke_bundle / "predictions" / "out_of_fold.csv"
    predictions = pd.read_csv(path, dtype={"part": str})
    codes = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    said = predictions["truth"].tolist()
    wrong = said.index("NV")
    said[wrong] = "MEL"
    predictions[[f"photo_{code}" for code in codes]] = 100.0 * np.array(
        [[one == code for code in codes] for one in said]
    )
    predictions.to_csv(path, index=False)
    found = write_report(smoke_bundle)["out_of_fold"]
    nevi, count = int((predictions["truth"] == "NV").sum()), len(predictions)
    assert found["photo"]["balanced_accuracy"] == pytest.approx((6 + (nevi - 1) / nevi) / 7, abs=1e-6)
    assert found["photo"]["accuracy"] == pytest.approx((count - 1) / count, abs=1e-6)
    assert found["majority_share"] == pytest.approx(nevi / count, abs=1e-6)
    assert found["photo"]["confusion"][1][0] == 1
    cost = found["thresholds"]["cancer"]
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
def test_committed_figures_are_what_the_predictions_give(bundle: Path) -> None:
    values = all_figures(bundle)
    assert json.dumps(values, indent=1) + "\n" == (bundle / "metrics.json").read_text()
    metadata, written = (
        json.loads((bundle / name).read_text()) for name in ("metadata.json", "metrics.json")
    )
    assert card(metadata, written) == (bundle / "README.md").read_text()


@pytest.mark.parametrize("bundle", COMMITTED, ids=lambda path: path.name)
def test_the_readmes_table_is_the_bundles(bundle: Path) -> None:
    metadata, values = (json.loads((bundle / name).read_text()) for name in ("metadata.json", "metrics.json"))
    name = block_name(metadata)
    text = (PROJECT / "README.md").read_text()
    block = text.split(f"<!-- {name} -->\n")[1].split(f"\n<!-- /{name} -->")[0]
    assert block == results(values)


@pytest.mark.parametrize("bundle", COMMITTED, ids=lambda path: path.name)
def test_committed_bundles_keep_to_the_limits(bundle: Path) -> None:
    load_bundle(bundle)
    sizes = {path.name: path.stat().st_size for path in bundle.rglob("*") if path.is_file()}
    assert sum(sizes.values()) <= 20_000_000
    assert sum(path.stat().st_size for path in (bundle / "plots").iterdir()) <= 900_000
    assert sizes["model.onnx"] <= 8_500_000
    assert json.loads((bundle / "metadata.json").read_text())["parameters"] <= 2_000_000


def test_a_block_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- results x -->\nold\n<!-- /results x -->\nb\n")
    update_block(path, "results x", "new\\1")
    assert path.read_text() == "a\n<!-- results x -->\nnew\\1\n<!-- /results x -->\nb\n"
    with pytest.raises(InputError, match="has no block"):
        update_block(path, "results y", "new")


def test_figures_are_made_without_keras_and_tensorflow() -> None:
    """They come from the committed predictions: a stranger needs neither photos nor the means of training."""
    blocked = "import sys; sys.modules.update(keras=None, tensorflow=None); import data_modelling.evaluate"
    subprocess.run([sys.executable, "-c", blocked], cwd=PROJECT, check=True)
