"""Compares the answer to photo and details with the answer to the photo alone."""

from collections.abc import Mapping
from typing import Any

HEATMAP, DETAILS, NEIGHBOURS = "heatmap", "details", "neighbours"
EXPLANATIONS = (HEATMAP, DETAILS, NEIGHBOURS)  # the values of `explain`


def details_effect(
    with_details: Mapping[str, float], without: Mapping[str, float], cancer: tuple[float, float], given: bool
) -> dict[str, Any]:
    """Return the effect of the details as in the API.

    with_details, without: probabilities by class code. cancer: that of the cancer classes together, with and without the
    details. given: whether any detail was known; if none was known, nothing changes.
    """
    return {
        "given": given,
        "classes": {code: {"with": value, "without": without[code]} for code, value in with_details.items()},
        "cancer": dict(zip(("with", "without"), cancer, strict=True)),
    }
