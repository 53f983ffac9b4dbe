"""What is measured of an ordinary photo, for tests of the quality checks and of their fitting."""

from data_modelling.inference.checks.image_quality import QualityMeasures

USUAL = QualityMeasures(
    source_edge=450,
    contrast=120,
    sharpness=-2,
    light=180,
    middle=150,
    overexposed=0,
    flatness=0.3,
    ink=0,
    hair=0,
    lesion_border=0,
    lesion_area=0.2,
)
