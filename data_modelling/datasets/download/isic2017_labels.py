"""Make ISIC_2017_labels.csv (classes, details, lesion ids) from ISIC 2019's csv files, which list ISIC 2017's photos.

python -m data_modelling.datasets.download.isic2017_labels --data-root DATA
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from data_modelling.datasets import isic2017, isic2019
from data_modelling.datasets.data_location import add_data_options, base_folder, find_dataset_folder
from data_modelling.datasets.splits.assignment import read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.datasets.table import read_csv
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write

# For each column with details in ISIC 2019's csv, its name in ISIC_2017_labels.csv.
DETAIL_COLUMNS = {"age_approx": "age", "sex": "sex", "anatom_site_general": "site", "lesion_id": "lesion_id"}
LABEL_COLUMNS = ("image", "isic2019_class", *DETAIL_COLUMNS.values())


def make_labels(root: Path, image_ids: pd.Series) -> pd.DataFrame:
    """Return the columns LABEL_COLUMNS as text, with one row for each of `image_ids`, in the same order.

    root: ISIC 2019's folder. image_ids: ids of ISIC 2017. Raises InputError if ISIC 2019's csv files lack an id.
    """
    truth = isic2019.read_rows(root).assign(image=lambda rows: isic2019.original_ids(rows["image_id"]))
    details = read_csv(root / isic2019.METADATA, ("image", *DETAIL_COLUMNS), "image")
    # read_rows reads age 0 as missing, but the labels file keeps it. So the details are read from the csv.
    details = details.assign(image=isic2019.original_ids(details["image"])).set_index("image")
    missing = image_ids[~image_ids.isin(truth["image"]) | ~image_ids.isin(details.index)]
    if len(missing):
        raise InputError(
            f"The csv files in {root} lack {len(missing)} of ISIC 2017's photos, such as {missing.iloc[0]}; get them again."
        )
    classes = truth.set_index("image")["diagnosis"].loc[image_ids]
    labels = details.loc[image_ids, list(DETAIL_COLUMNS)].rename(columns=DETAIL_COLUMNS)
    return labels.assign(isic2019_class=classes.to_numpy()).reset_index()[list(LABEL_COLUMNS)]


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and write the file; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.datasets.download.isic2017_labels", description=__doc__.split("\n")[0]
    )
    add_data_options(parser)
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        path = base_folder(options.data_root) / isic2017.FOLDER / isic2017.LABELS
        if path.exists():
            raise InputError(f"{path} exists; move it away to make it again.")
        root = find_dataset_folder(options.data_root, isic2019.FOLDER, isic2019.GROUND_TRUTH_FILE)
        known = read_split(split_file(options.splits, "isic2017"))["image_id"]
        labels = make_labels(root, known)
        with atomic_write(path) as temporary:
            labels.to_csv(temporary, index=False, lineterminator="\n")
        print(f"{path}: {len(labels):,} photos")
        return []

    return run_with_exit_status(command)


if __name__ == "__main__":
    sys.exit(main())
