"""Say where the notebooks read the splits and write their plots; datasets.data_location says where the data is."""

import os
from pathlib import Path

from data_modelling.datasets.data_location import REPOSITORY_DATA

# A notebook has no command line, so `python -m data_analysis.run` passes these two folders in the environment.
SPLITS_VARIABLE, PLOTS_VARIABLE = "ANALYSIS_SPLITS", "ANALYSIS_PLOTS"


def splits_folder() -> Path:
    """Return the folder of the split files."""
    return Path(os.environ.get(SPLITS_VARIABLE) or REPOSITORY_DATA / "splits")


def plots_folder() -> Path:
    """Return the folder in which the notebooks save their figures."""
    return Path(os.environ.get(PLOTS_VARIABLE) or REPOSITORY_DATA / "plots")
