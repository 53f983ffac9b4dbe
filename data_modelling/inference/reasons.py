"""The codes that explain an answer, the same in page, API and csv, with what the README says of each.

They are part of the interface: never renamed, never translated. Codes of refusals are those of the app's problems.
"""

MEANINGS = {
    "cancer_threshold": "the cancer classes together are at or above their threshold",
    "melanoma_threshold": "melanoma alone is at or above its threshold",
    "phone_photo": "not taken through a dermatoscope, as the reader or the pixels say",
    "unlike_training": "the pixels are unlike those of the sources by which probabilities and thresholds were set",
    "wide_set": "the prediction set says nothing useful (`operating_point` in metadata.json)",
    "none_of_classes": "more than any class it fits none of them (bundles with the class UNK)",
    "age_rare": "the model learned from few lesions at this age",
    "site_rare": "the model learned from few lesions at this site",
    "blurred": "not sharp",
    "dark": "too dark",
    "bright": "too bright",
    "ink": "ink of a pen on the skin",
    "hair": "hair over the lesion",
    "lesion_cut": "the lesion reaches the edge of the photo",
    "lesion_small": "the lesion is small in the photo",
    "recompressed": "strongly compressed",
}
