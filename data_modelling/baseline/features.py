"""A photo in numbers that a person chose: colour, shape and texture of the lesion, as before there were deep networks.

Asymmetry, border, colours and size are those of the ABCD rule of dermatoscopy (Nachbar et al. 1994,
doi:10.1016/S0190-9622(94)70061-3); means, spreads and skewness of the channels are colour moments (Stricker and Orengo
1995, doi:10.1117/12.205308); texture is told by grey-level co-occurrence (Haralick et al. 1973,
doi:10.1109/TSMC.1973.4309314).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from data_modelling.baseline.outline import Mask, asymmetries, compactness, main_axes, outline
from data_modelling.inference.heatmap import LUMA, inscribed_circle

Floats = NDArray[np.float64]
Photo = NDArray[np.uint8]

# The six colours that the ABCD rule counts, as the RGB that a pixel is held against; the nearest is its colour.
COLOURS = {
    "white": (255, 255, 255),
    "red": (204, 51, 51),
    "light_brown": (153, 102, 51),
    "dark_brown": (77, 38, 25),
    "blue_grey": (77, 102, 128),
    "black": (0, 0, 0),
}
PRESENT = 0.05  # share of the lesion from which one of COLOURS counts as there
LEVELS = 8  # of grey, between which co-occurrence is counted
DISTANCES = (1, 3)  # pixels between the two that are counted
STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))  # directions of the pairs, over which texture is averaged
RIM = 2  # pixels to both sides of the outline, compared for how abruptly it ends
SHAPE = (
    "found",
    "area",
    "compactness",
    "elongation",
    "asymmetry_long",
    "asymmetry_short",
    "asymmetry_grey_long",
    "asymmetry_grey_short",
    "abruptness",
)
TEXTURE = ("contrast", "homogeneity", "energy", "entropy", "correlation")
NAMES = (
    *SHAPE,
    *(f"{what}_{channel}" for what in ("mean", "spread", "skewness", "less_skin") for channel in "rgb"),
    *(f"share_{colour}" for colour in COLOURS),
    "colours",
    *(f"{what}_{distance}" for distance in DISTANCES for what in TEXTURE),
)


def features(photo: Photo) -> NDArray[np.float32]:
    """The features (len(NAMES),) of a photo (edge, edge, 3), in the order of NAMES.

    Where no lesion is found, those of the disc of half the edge in the middle, and `found` is 0.
    """
    found = outline(photo)
    mask = found if found.any() else inscribed_disc(len(photo))
    grey = photo @ np.array(LUMA)
    return np.concatenate(
        [
            [float(found.any())],
            shape(mask, grey),
            colour(photo, mask),
            *(texture(grey, mask, distance) for distance in DISTANCES),
        ]
    ).astype(np.float32)


def inscribed_disc(edge: int) -> Mask:
    """The disc of half the edge in the middle of a square of pixels (edge, edge)."""
    margin = edge // 4
    return np.pad(inscribed_circle(edge - 2 * margin), margin)


def shape(mask: Mask, grey: Floats) -> Floats:
    """SHAPE without `found`; area and abruptness as shares, elongation 0 for a disc and near 1 for a line."""
    (smaller, larger), _ = main_axes(mask)
    elongation = 1 - np.sqrt(smaller / larger) if larger else 0.0
    inner = mask & ~ndimage.binary_erosion(mask, iterations=RIM)
    outer = ndimage.binary_dilation(mask, iterations=RIM) & ~mask
    abrupt = (grey[outer].mean() - grey[inner].mean()) / 255 if outer.any() else 0.0
    return np.array([mask.mean(), compactness(mask), elongation, *asymmetries(mask, grey), abrupt])


def colour(photo: Photo, mask: Mask) -> Floats:
    """Moments of the channels inside, their means less the skin's, shares of COLOURS and how many are PRESENT."""
    inside, around = photo[mask].astype(float), photo[~mask].astype(float)
    mean, spread = inside.mean(axis=0), inside.std(axis=0)
    skewness = np.cbrt(((inside - mean) ** 3).mean(axis=0))  # in grey levels, as Stricker and Orengo have it
    skin = around.mean(axis=0) if len(around) else mean
    shares = colour_shares(inside)
    return np.concatenate([mean, spread, skewness, mean - skin, shares, [np.sum(shares >= PRESENT)]])


def colour_shares(pixels: Floats) -> Floats:
    """Share of the pixels (N, 3) that is nearest to each of COLOURS, (colours,)."""
    known = np.array(list(COLOURS.values()), float)
    nearest = ((pixels[:, None] - known) ** 2).sum(axis=2).argmin(axis=1)
    return np.asarray(np.bincount(nearest, minlength=len(known)) / len(pixels))


def texture(grey: Floats, mask: Mask, distance: int) -> Floats:
    """TEXTURE of the pairs of lesion pixels at a distance, mean over four directions."""
    levels = np.minimum(grey * LEVELS / 256, LEVELS - 1).astype(np.int64)
    steps = [(down * distance, right * distance) for down, right in STEPS]
    return np.asarray(np.mean([haralick(co_occurrence(levels, mask, *step)) for step in steps], axis=0))


def co_occurrence(levels: NDArray[np.int64], mask: Mask, down: int, right: int) -> Floats:
    """Shares (LEVELS, LEVELS) of the pairs of levels, both pixels in the mask, counted both ways round."""
    height, width = levels.shape
    first = (slice(0, height - down), slice(max(0, -right), width - max(0, right)))
    second = (slice(down, height), slice(max(0, right), width - max(0, -right)))
    both = mask[first] & mask[second]
    pairs = levels[first][both] * LEVELS + levels[second][both]
    counts = np.bincount(pairs, minlength=LEVELS**2).reshape(LEVELS, LEVELS)
    return np.asarray((counts + counts.T) / max(1, 2 * counts.sum()))


def haralick(shares: Floats) -> Floats:
    """TEXTURE of a co-occurrence matrix; the correlation of a single level, which has none, is 1."""
    row, column = np.indices(shares.shape)
    apart = (row - column) ** 2
    mean = (shares * row).sum()
    variance = (shares * (row - mean) ** 2).sum()
    covariance = (shares * (row - mean) * (column - mean)).sum()
    known = shares[shares > 0]
    return np.array(
        [
            (shares * apart).sum(),
            (shares / (1 + apart)).sum(),
            (shares**2).sum(),
            -(known * np.log2(known)).sum(),
            covariance / variance if variance > 0 else 1.0,
        ]
    )
