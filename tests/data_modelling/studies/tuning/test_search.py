"""A search on generated lesions: it ends, whatever a trial or the machine does."""

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import keras_tuner
import numpy as np
import pandas as pd
import pytest
from msgspec import structs

from data_modelling import search as search_command
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.files.file_locks import exclusive_lock
from data_modelling.settings import Settings, read_settings
from data_modelling.studies.ablation.recipes import check_comparable_recipes
from data_modelling.studies.tuning import hypermodel, search, tuners
from data_modelling.studies.tuning.hypermodel import OBJECTIVE, CNNHyperModel
from data_modelling.studies.tuning.tuners import BayesianFromStart
from data_modelling.training.development_set import DataFolders
from tests.conftest import PROJECT

NOWHERE = DataFolders(None, Path("none"))
PATIENCE = 120  # seconds until a process must have got somewhere
SMOKE = PROJECT / "data_modelling" / "configs" / "smoke.toml"


@pytest.fixture
def base() -> Settings:
    settings = read_settings(SMOKE)
    return structs.replace(settings, generated_lesions=120, figure_folds=(0, 1))


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials that are not trained: the objective is larger the narrower the network."""

    def fit(
        _: CNNHyperModel, hp: keras_tuner.HyperParameters, model: keras.Model, folder: Path
    ) -> dict[str, float]:
        assert folder.is_dir()
        return {OBJECTIVE: 0.9 - hp.get("width") / 1000, "parameters": model.count_params()}

    monkeypatch.setattr(CNNHyperModel, "fit", fit)


@pytest.fixture
def unbuilt(cheap: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials whose networks are not built either, which takes longer than all else; they only count their weights."""

    def count(settings: Settings) -> SimpleNamespace:
        return SimpleNamespace(count_params=lambda: 20 * sum(width**2 for width in settings.network.widths))

    monkeypatch.setattr(hypermodel, "initial_network", count)


def run(base: Settings, folder: Path, kind: str, trials: int = 4, epochs: int = 3) -> pd.DataFrame:
    search.run_search(base, NOWHERE, folder, kind, trials, epochs, resume=False)
    return pd.read_csv(folder / search.TRIALS_FILE, dtype={"trial": str})


@pytest.mark.usefixtures("unbuilt")
@pytest.mark.parametrize("kind", ["random", "bayesian", "hyperband"])
def test_each_kind_of_search_keeps_the_best(base: Settings, tmp_path: Path, kind: str) -> None:
    table = run(base, tmp_path, kind)
    assert len(table) >= 4
    assert table[OBJECTIVE].is_monotonic_decreasing
    longest = table[table["epochs"] == table["epochs"].max()]
    best = read_settings(tmp_path / search.BEST_FILE)
    assert best.network.widths[0] == longest["width"].min()
    assert best.training.epochs == 3
    start = read_settings(tmp_path / search.START_FILE)
    assert start.network == base.network
    assert start.figure_folds == best.figure_folds == (1,)  # which no trial read
    check_comparable_recipes([start, best])
    # The first trial is the recipe that the search starts from, at full length.
    first = table.set_index(table["trial"].astype(int)).loc[0]
    assert (first["epochs"], first["augmentation"], first["imbalance"]) == (3, 1.0, "drawn by the root")
    assert first["learning_rate"] == base.training.learning_rate
    assert first["width"] == base.network.widths[0]


@pytest.mark.usefixtures("unbuilt")
def test_a_bayesian_search_draws_a_third_of_its_trials_and_chooses_the_others(
    base: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    draw = BayesianFromStart._random_populate_space

    def counted(self: BayesianFromStart) -> object:
        drawn.append(1)
        return draw(self)

    monkeypatch.setattr(BayesianFromStart, "_random_populate_space", counted)
    table = run(base, tmp_path, "bayesian", trials=6)
    assert len(drawn) == 6 // 3 - 1  # and the start
    # The narrower, the better: what it chose is better than what it drew.
    order = table.set_index(table["trial"].astype(int)).sort_index()[OBJECTIVE]
    assert order.loc[2:].mean() > order.loc[1]


@pytest.mark.usefixtures("unbuilt")
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
    monkeypatch.setattr(hypermodel, "MAX_PARAMETERS", 700_000)
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
        assert failed["failure"].str.contains("OversizedNetworkError: .* above 700,000").any()
        assert (failed[OBJECTIVE] == 0.5).all()
        assert len(failed) > 3
        best = read_settings(tmp_path / kind / search.BEST_FILE)
        assert best.network.widths[0] in set(table.loc[table["failure"].isna(), "width"])


@pytest.mark.usefixtures("unbuilt")
def test_when_all_trials_fail_there_is_one_sentence_and_the_table(
    base: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CNNHyperModel, "fit", lambda *_: 1 / 0)
    with pytest.raises(InputError, match=r"All 4 trials failed; .*trials.csv says why"):
        run(base, tmp_path, "random")
    assert pd.read_csv(tmp_path / search.TRIALS_FILE)["failure"].notna().all()


def test_trials_read_nothing_of_the_unread_fold(base: Settings, tmp_path: Path) -> None:
    development = search.open_run(base, NOWHERE, tmp_path).development
    parts = search.trial_photos(base, development, 0, 1)
    fold = development.table["part"].to_numpy()
    groups = development.table["group_id"].to_numpy()
    read = [part.rows for part in (parts.training, parts.stopping, parts.judged)]
    assert "1" not in set(fold[np.concatenate(read)])
    assert set(fold[parts.judged.rows]) == {"0"}
    sides = [set(groups[rows]) for rows in read]
    assert len(set().union(*sides)) == sum(map(len, sides))


def test_a_search_needs_two_folds_and_goes_on_only_as_it_was_started(base: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two figure_folds"):
        run(structs.replace(base, figure_folds=(0,)), tmp_path, "random")
    search.open_work_folder(tmp_path, base, resume=False, free=())
    with pytest.raises(InputError, match="--resume"):
        run(base, tmp_path, "random")
    with pytest.raises(InputError, match="other settings"):
        search.run_search(base, NOWHERE, tmp_path, "random", 2, 99, resume=True)


def state(folder: Path) -> dict[str, Any]:
    """What a search's tables say, without what set aside files change."""
    table = pd.read_csv(folder / search.TRIALS_FILE, dtype={"trial": str})
    return table.sort_values("trial", ignore_index=True).to_dict("list")


def resume(base: Settings, folder: Path, kind: str, trials: int = 4, epochs: int = 3) -> None:
    search.run_search(base, NOWHERE, folder, kind, trials, epochs, resume=True)


@pytest.mark.usefixtures("unbuilt")
@pytest.mark.parametrize("writes", [0, 1, 4, 7])
def test_a_full_disk_is_one_sentence_and_resume_ends_with_the_same_trials(
    base: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """The disk is full after so many files of trials and of KerasTuner's state."""
    run(base, tmp_path / "whole", "random")
    count = itertools.count()

    def write_until_full(path: Path, value: object) -> None:
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(value))
            if next(count) >= writes:
                raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tuners, "write_json", write_until_full)
        with pytest.raises(InputError, match=r"full cannot be written: the disk is full.* --resume"):
            run(base, tmp_path / "full", "random")
    left = [path for path in (tmp_path / "full").rglob("*.json") if not path.stat().st_size]
    assert left == [], "no file is empty"
    resume(base, tmp_path / "full", "random")
    assert str(state(tmp_path / "full")) == str(state(tmp_path / "whole"))


@pytest.mark.usefixtures("unbuilt")
def test_a_disk_that_is_full_in_a_training_is_no_failed_trial(
    base: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    config = tmp_path / "search.toml"
    config.write_text(SMOKE.read_text().replace("lesions = 220", "lesions = 120\nfigure_folds = [0, 1]"))
    out = tmp_path / "out"
    shape = ["--out", str(out), "--tuner", "random", "--trials", "2", "--epochs", "2"]
    with monkeypatch.context() as patch:
        patch.setattr(CNNHyperModel, "fit", full)
        assert search_command.main(["--config", str(config), *shape]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert (
        last == f"{out} cannot be written: the disk is full. Free some space, and add --resume to continue."
    )
    assert search_command.main(["--config", str(config), *shape, "--resume"]) == 0
    assert pd.read_csv(out / search.TRIALS_FILE)["failure"].isna().all()


@pytest.mark.usefixtures("unbuilt")
@pytest.mark.parametrize("kind", ["random", "hyperband"])
def test_only_a_trial_with_a_torn_file_or_other_hyperparameters_runs_again(
    base: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    run(base, tmp_path, kind, epochs=3)
    whole = state(tmp_path)
    fit = CNNHyperModel.fit
    fitted: list[str] = []

    def counted(
        self: CNNHyperModel, hp: keras_tuner.HyperParameters, model: keras.Model, folder: Path
    ) -> dict[str, float]:
        fitted.append(folder.name)
        return fit(self, hp, model, folder)

    monkeypatch.setattr(CNNHyperModel, "fit", counted)
    second = sorted((tmp_path / kind).glob("trial_*"))[1]
    other = {"hyperparameters": {"values": {"width": -1}}}
    for name, content in (
        ("trial.json", b""),
        ("trial.json", json.dumps(other).encode()),
        ("result.json", b""),
        ("result.json", b'{"macro_auc": 0.7'),
        ("result.json", b"null"),
    ):
        fitted.clear()
        (second / name).write_bytes(content)
        resume(base, tmp_path, kind, epochs=3)
        assert fitted == [second.name], (name, content)
        assert str(state(tmp_path)) == str(whole), (name, content)


def test_a_full_disk_is_found_in_an_error_and_in_those_that_led_to_it() -> None:
    is_full_disk = tuners.is_full_disk
    assert is_full_disk(OSError(errno.ENOSPC, "No space left on device"))
    assert is_full_disk(OSError("Can't write data (errno = 28, error message = 'No space left on device')"))
    assert not is_full_disk(OSError(errno.EACCES, "Permission denied"))
    assert not is_full_disk(None)
    error = ValueError("cannot save")
    error.__cause__ = OSError(errno.EDQUOT, "Disk quota exceeded")
    assert is_full_disk(error)


def test_a_second_search_in_the_same_folder_is_refused(
    base: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "search.toml"
    config.write_text(SMOKE.read_text().replace("lesions = 220", "lesions = 120\nfigure_folds = [0, 1]"))
    out = tmp_path / "out"
    out.mkdir()
    with exclusive_lock(out / search.LOCK_FILE, ""):
        for options in ([], ["--resume"]):
            assert search_command.main(["--config", str(config), "--out", str(out), *options]) == 2
            told = capsys.readouterr().err
            assert told == f"Another search is running in {out}; wait for it, or choose another --out.\n"
    assert [path.name for path in out.iterdir()] == [search.LOCK_FILE]


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
    assert not (tmp_path / "broken" / search.TRIALS_FILE).exists(), "killed too late to show anything"
    done = subprocess.run(
        command("broken", "--resume"), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    tables = [
        pd.read_csv(tmp_path / out / search.TRIALS_FILE).drop(columns="seconds")
        for out in ("whole", "broken")
    ]
    pd.testing.assert_frame_equal(*tables)
    recipes = [(tmp_path / out / search.BEST_FILE).read_text() for out in ("whole", "broken")]
    assert recipes[0] == recipes[1]
