"""Networks of nine classes on the folds of a bundle of two, for melanoma read off them."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from data_modelling.datasets.splits import in_fold
from data_modelling.evaluation.melanoma import FILE, has_two_classes, log_odds, write_nine_class
from data_modelling.evaluation.predictions import read_predictions
from data_modelling.evaluation.renewal import renewed
from data_modelling.evaluation.report import OUT_OF_FOLD, write_report
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.decision import melanoma_column
from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings
from data_modelling.training.pipeline import examples, predict_logits
from data_modelling.training.road import Sources, development_part, fold_network, opened


def predict_nine_class(bundle: Bundle, settings: Settings, sources: Sources, work: Path) -> list[str]:
    """Write predictions/nine_class.csv of the bundle and renew its figures; returns what was left out, as text.

    The networks saw neither the fold's photos of ISIC 2020 nor those of the other set. Raises InputError for a bundle
    of another task, for other folds than the bundle's, and as `train` does.
    """
    if not has_two_classes(bundle.metadata):
        raise InputError(
            f"{bundle.folder} is of the task {bundle.task}; name a bundle of melanoma or benign."
        )
    folds = bundle.metadata["settings"]["figure_folds"]
    settings = replace(settings, folds=bundle.metadata["settings"]["folds"], figure_folds=tuple(folds))
    opened(work, settings, resume=True)
    development, left_out = development_part(settings, sources, work)
    judged = set(read_predictions(bundle.folder / "predictions" / f"{OUT_OF_FOLD}.csv")["image_id"])
    is_judged = development.table["image_id"].isin(judged).to_numpy()
    rows = []
    for fold in settings.figure_folds:
        network = fold_network(settings, development, fold, work)
        chosen = in_fold(development.table, fold) & is_judged
        part = examples(development.table, development.pixels, chosen, settings.task)
        column = melanoma_column(settings.task)
        rows.append(
            pd.DataFrame(
                {
                    "image_id": development.table.loc[chosen, "image_id"],
                    "photo": log_odds(predict_logits(network, part, with_details=False), column),
                    "both": log_odds(predict_logits(network, part, with_details=True), column),
                }
            )
        )
    with renewed(bundle.folder) as fresh:
        write_nine_class(fresh.folder / "predictions" / FILE, pd.concat(rows))
        write_report(fresh.folder)
    return left_out
