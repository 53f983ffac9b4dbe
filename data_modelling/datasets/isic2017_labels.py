"""Make ISIC_2017_labels.csv, which is no file of the challenge, from ISIC 2019's csv files, which know its photos.

python -m data_modelling.datasets.isic2017_labels --data-root DATA
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from data_modelling.datasets import isic2017, isic2019
from data_modelling.datasets.csv_files import read_csv
from data_modelling.datasets.roots import add_data_options, base_folder, find_root
from data_modelling.datasets.split_files import split_file
from data_modelling.datasets.splits import read_split
from data_modelling.inference.commands import run
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole

# ISIC 2019's names of the details, and those of the file.
DETAILS = {"age_approx": "age", "sex": "sex", "anatom_site_general": "site", "lesion_id": "lesion_id"}
COLUMNS = ("image", "isic2019_class", *DETAILS.values())


def labels(root: Path, image_ids: pd.Series) -> pd.DataFrame:
    """COLUMNS of photos, in their order, as text. root: ISIC 2019's folder; image_ids: as ISIC 2017 has them.

    Raises InputError when ISIC 2019's files do not know them all.
    """
    truth = isic2019.read_rows(root).assign(image=lambda rows: isic2019.original_ids(rows["image_id"]))
    details = read_csv(root / isic2019.METADATA, ("image", *DETAILS))
    # ISIC 2019 leaves out of a table ages that HAM10000 does not mean; the file has them as they are.
    details = details.assign(image=isic2019.original_ids(details["image"])).set_index("image")
    missing = image_ids[~image_ids.isin(truth["image"]) | ~image_ids.isin(details.index)]
    if len(missing):
        raise InputError(
            f"{root} does not know {len(missing)} of ISIC 2017's photos, such as {missing.iloc[0]}; get its csv files again."
        )
    classes = truth.set_index("image")["diagnosis"].loc[image_ids]
    found = details.loc[image_ids, list(DETAILS)].rename(columns=DETAILS)
    return found.assign(isic2019_class=classes.to_numpy()).reset_index()[list(COLUMNS)]


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m data_modelling.datasets.isic2017_labels", description=__doc__.split("\n")[0]
    )
    add_data_options(parser)
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        path = base_folder(options.data_root) / isic2017.FOLDER / isic2017.LABELS
        if path.exists():
            raise InputError(f"{path} is there; move it away to make it anew.")
        root = find_root(options.data_root, isic2019.FOLDER, isic2019.TRUTH)
        known = read_split(split_file(options.splits, "isic2017"))["image_id"]
        found = labels(root, known)
        with replaced_when_whole(path) as temporary:
            found.to_csv(temporary, index=False, lineterminator="\n")
        print(f"{path}: {len(found):,} photos")
        return []

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
