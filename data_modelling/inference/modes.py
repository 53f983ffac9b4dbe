"""Names the two modes of a prediction: from the photo alone, or from the photo and the patient's details."""

PHOTO_ONLY, PHOTO_AND_DETAILS = "photo", "both"
MODES = (PHOTO_ONLY, PHOTO_AND_DETAILS)
