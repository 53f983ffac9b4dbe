"""A search on generated lesions: it ends, whatever a trial or the machine does."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings, read_settings
from data_modelling.training.road import Sources
from data_modelling.tuning import hypermodel, searching
from data_modelling.tuning.confirmation import FILE
from data_modelling.tuning.hypermodel import OBJECTIVE, CNNHyperModel
from data_modelling.tuning.tuners import BayesianFromStart
from tests.conftest import PROJECT
from tests.data_modelling.tuning.test_page import confirmation

NOWHERE = Sources(None, Path("none"))
PATIENCE = 120  # seconds until a process must have got somewhere
SMOKE = PROJECT / "data_modelling" / "configs" / "smoke.toml"


@pytest.fixture
def base() -> Settings:
    settings = read_settings(SMOKE)
    return replace(settings, generated_lesions=120, figure_folds=(0, 1))


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials that are not trained: the objective is larger the narrower the network."""

    def fit(
        _: CNNHyperModel, hp: keras_tuner.HyperParameters, model: keras.Model, folder: Path
    ) -> dict[str, float]:
        assert folder.is_dir()
        return {OBJECTIVE: 0.9 - hp.get("width") / 1000, "parameters": model.count_params()}

    monkeypatch.setattr(CNNHyperModel, "fit", fit)

    def confirm(*arguments: Any) -> None:
        (arguments[4] / FILE).write_text(json.dumps(confirmation(0.01, 0.02)))

    monkeypatch.setattr(searching, "confirm", confirm)


def run(base: Settings, folder: Path, kind: str, trials: int = 4, epochs: int = 3) -> pd.DataFrame:
    searching.search(base, NOWHERE, folder, kind, trials, epochs, resume=False)
    return pd.read_csv(folder / searching.TRIALS, dtype={"trial": str})


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("kind", ["random", "bayesian", "hyperband"])
def test_each_kind_of_search_keeps_the_best(base: Settings, tmp_path: Path, kind: str) -> None:
    table = run(base, tmp_path, kind)
    assert len(table) >= 4
    assert table[OBJECTIVE].is_monotonic_decreasing
    longest = table[table["epochs"] == table["epochs"].max()]
    best = read_settings(tmp_path / searching.BEST)
    assert best.network.widths[0] == longest["width"].min()
    assert best.training.epochs == 3
    assert (tmp_path / searching.PLOT).stat().st_size > 1000
    assert (
        f"| {table['trial'].iloc[0]} | {table[OBJECTIVE].iloc[0]:.3f} |".replace("| 0.", "| .")
        in (tmp_path / searching.PAGE).read_text()
    )
    # The first trial is the recipe that the search starts from, at full length.
    first = table.set_index(table["trial"].astype(int)).loc[0]
    assert (first["epochs"], first["augmentation"], first["imbalance"]) == (3, 1.0, "drawn by the root")
    assert first["learning_rate"] == base.training.learning_rate
    assert first["width"] == base.network.widths[0]


@pytest.mark.usefixtures("cheap")
def test_a_bayesian_search_draws_a_third_of_its_trials_and_chooses_the_others(
    base: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    draw = BayesianFromStart._random_populate_space

    def counted(self: BayesianFromStart) -> object:
        drawn.append(1)
        return draw(self)

    monkeypatch.setattr(BayesianFromStart, "_random_populate_space", counted)
    table = run(base, tmp_path, "bayesian", trials=9)
    assert len(drawn) == 9 // 3 - 1  # and the start
    # The narrower, the better: what it chose is better than what it drew.
    order = table.set_index(table["trial"].astype(int)).sort_index()[OBJECTIVE]
    assert order.loc[3:].mean() > order.loc[1:2].mean()


@pytest.mark.usefixtures("cheap")
def test_hyperband_trains_the_promoted_anew_and_longer(base: Settings, tmp_path: Path) -> None:
    table = run(base, tmp_path, "hyperband", epochs=9)
    assert set(table["epochs"]) == {1, 3, 9}
    assert table["trial"].min() == "0000"  # the start, which is in no bracket
    again = table[(table["epochs"] == 9) & (table["trial"] != "0000")].iloc[0]
    shorter = table[(table["epochs"] < 9) & (table["learning_rate"] == again["learning_rate"])]
    assert len(shorter), "the longest training was promoted from a shorter one"
    folders = tmp_path / "hyperband"
    assert not any(
        (folders / f"trial_{trial}" / "checkpoint.weights.h5").exists() for trial in table["trial"]
    )


@pytest.mark.usefixtures("cheap")
def test_oversized_and_failing_trials_count_as_chance_and_end_nothing(
    base: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More in a row than KerasTuner bears: every second build fails, and of the others those that are too large."""
    build: Callable[..., keras.Model] = CNNHyperModel.build
    monkeypatch.setattr(hypermodel, "LARGEST", 700_000)
    for kind in ("hyperband", "random"):
        built = itertools.count()

        def failing(
            self: CNNHyperModel, hp: keras_tuner.HyperParameters, built: Iterator[int] = built
        ) -> keras.Model:
            if next(built) % 2:
                raise ValueError("no such layer")
            return build(self, hp)

        monkeypatch.setattr(CNNHyperModel, "build", failing)
        table = run(base, tmp_path / kind, kind, trials=12, epochs=9)
        failed = table[table["failure"].notna()]
        assert failed["failure"].str.contains("ValueError: no such layer").any()
        assert failed["failure"].str.contains("Oversized: .* above 700,000").any()
        assert (failed[OBJECTIVE] == 0.5).all()
        assert len(failed) > 3
        best = read_settings(tmp_path / kind / searching.BEST)
        assert best.network.widths[0] in set(table.loc[table["failure"].isna(), "width"])


@pytest.mark.usefixtures("cheap")
def test_when_all_trials_fail_there_is_one_sentence_and_the_table(
    base: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CNNHyperModel, "fit", lambda *_: 1 / 0)
    with pytest.raises(InputError, match=r"All 4 trials failed; .*trials.csv says why"):
        run(base, tmp_path, "random")
    assert pd.read_csv(tmp_path / searching.TRIALS)["failure"].notna().all()


def test_trials_read_nothing_of_the_unread_fold(base: Settings, tmp_path: Path) -> None:
    sources = searching.sources_of(base, NOWHERE, tmp_path)
    development, _ = searching.development_part(base, sources, tmp_path)
    parts = searching.parts(base, development, 0, 1)
    fold = development.table["part"].to_numpy()
    groups = development.table["group_id"].to_numpy()
    read = [part.rows for part in (parts.training, parts.stopping, parts.judged)]
    assert "1" not in set(fold[np.concatenate(read)])
    assert set(fold[parts.judged.rows]) == {"0"}
    sides = [set(groups[rows]) for rows in read]
    assert len(set().union(*sides)) == sum(map(len, sides))


def test_a_search_needs_two_folds_and_goes_on_only_as_it_was_started(base: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two figure_folds"):
        run(replace(base, figure_folds=(0,)), tmp_path, "random")
    searching.opened(tmp_path, base, resume=False, free=())
    with pytest.raises(InputError, match="--resume"):
        run(base, tmp_path, "random")
    with pytest.raises(InputError, match="other settings"):
        searching.search(base, NOWHERE, tmp_path, "random", 2, 99, resume=True)


def test_killed_and_resumed_it_ends_with_what_the_unbroken_search_found(tmp_path: Path) -> None:
    config = tmp_path / "search.toml"
    config.write_text(SMOKE.read_text().replace("lesions = 220", "lesions = 120\nfigure_folds = [0, 1]"))

    def command(out: str, *options: str) -> list[str]:
        module = [sys.executable, "-m", "data_modelling.search", "--config", str(config)]
        shape = ["--out", str(tmp_path / out), "--tuner", "random", "--trials", "1", "--epochs", "2"]
        return [*module, *shape, *options]

    whole = subprocess.run(command("whole"), cwd=PROJECT, capture_output=True, text=True, check=False)
    assert whole.returncode == 0, whole.stderr
    broken = tmp_path / "broken" / "random"
    process = subprocess.Popen(
        command("broken"), cwd=PROJECT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    end = time.monotonic() + PATIENCE
    while not (broken / "trial_0" / "checkpoint.npz").exists() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "broken" / searching.TRIALS).exists(), "killed too late to show anything"
    done = subprocess.run(
        command("broken", "--resume"), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    tables = [
        pd.read_csv(tmp_path / out / searching.TRIALS).drop(columns="seconds") for out in ("whole", "broken")
    ]
    pd.testing.assert_frame_equal(*tables)
    confirmed = [(tmp_path / out / "confirmation.json").read_text() for out in ("whole", "broken")]
    assert confirmed[0] == confirmed[1]
    found = json.loads(confirmed[0])["best_less_start"]["macro_auc"]
    assert found["interval"][0] <= found["value"] <= found["interval"][1]
