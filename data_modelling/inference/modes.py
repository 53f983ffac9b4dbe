"""The modes in which a model is evaluated: from the photo alone, or from the photo and the known details."""

PHOTO_ONLY, PHOTO_AND_DETAILS = "photo", "both"
MODES = (PHOTO_ONLY, PHOTO_AND_DETAILS)
