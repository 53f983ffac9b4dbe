"""What `train` does after it has checked its options: all networks of a run, then the bundle."""

from pathlib import Path

import pytest

from data_modelling.pipeline.run_networks import train_networks
from data_modelling.pipeline.training_run import train_bundle
from data_modelling.pipeline.work_folder import work_folder
from data_modelling.safety import image_quality
from data_modelling.settings import Settings
from data_modelling.training.development_set import DataFolders

ONE_BATCH = 1_024  # photos; batches of one size need one graph, and TensorFlow takes a second to make one
DEGRADED = 10  # photos of a class that are made worse; all of them would take four seconds


def train_whole_run(settings: Settings, folders: DataFolders, out: Path, resume: bool = False) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_quality, "PER_CLASS", DEGRADED)
        train_bundle(train_networks(settings, folders, work_folder(out), None, resume), out)
