"""Where the notebooks read the splits and write their plots; the data's place is datasets.roots' affair."""

import os
from pathlib import Path

from data_modelling.datasets.roots import REPOSITORY_DATA

# A notebook has no command line: `python -m data_analysis.run` hands its options on in the environment.
SPLITS, PLOTS = "ANALYSIS_SPLITS", "ANALYSIS_PLOTS"


def splits_folder() -> Path:
    """The folder of the split files."""
    return Path(os.environ.get(SPLITS) or REPOSITORY_DATA / "splits")


def plots_folder() -> Path:
    """The folder in which the notebooks save their figures."""
    return Path(os.environ.get(PLOTS) or REPOSITORY_DATA / "plots")
