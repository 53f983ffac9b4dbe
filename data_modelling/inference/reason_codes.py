"""Lists the codes that explain an answer, the same in page, API and csv; docs/api.md has the text of each.

They are part of the interface and are never renamed or translated. Refusals have the codes of the app's problems.
"""

REASON_MEANINGS = {
    "cancer_threshold": "the cancer classes together are at or above their threshold",
    "melanoma_threshold": "melanoma alone is at or above its threshold",
    "photo_alone": "without its rare details, the photo reaches a threshold",
    "changing": "the spot is new, changing, itching or bleeding, as the reader says",
    "dermatoscope": "it is not known whether the photo was taken through a dermatoscope",
    "phone_photo": "not taken through a dermatoscope, as the reader or the pixels say",
    "unlike_training": "the pixels are unlike those of the sources by which probabilities and thresholds were set",
    "wide_set": "the prediction set says nothing useful (`operating_point` in metadata.json)",
    "none_of_classes": "more than any class it fits none of them (bundles with the class UNK)",
    "age_rare": "the model learned from few lesions at this age",
    "site_rare": "the model learned from few lesions at this site",
    "acral_or_mucosal": "the lesion is on a palm or sole, in the mouth or on the genitals",
    "age_unread": "the header of the DICOM file has an age that is not read; it counts as not known",
    "sex_unread": "the header of the DICOM file has a sex that is not read; it counts as not known",
    "site_unread": "the header of the DICOM file has a body part that is not read; it counts as not known",
    "blurred": "not sharp",
    "dark": "too dark",
    "bright": "too bright",
    "ink": "ink of a pen on the skin",
    "hair": "hair over the lesion",
    "lesion_cut": "the lesion reaches the edge of the photo",
    "lesion_small": "the lesion is small in the photo",
    "recompressed": "strongly compressed",
    "not_clear": "the cancer probability is not below the threshold `clear`, or the bundle has none",
    "frame_sensitive": "it is below it in the frame, but not in one of four slightly smaller frames",
}
