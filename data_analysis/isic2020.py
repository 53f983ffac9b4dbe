# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     main_language: python
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # ISIC 2020: one question, and patients with many spots
#
# The training set of the SIIM-ISIC 2020 challenge has one question: melanoma or not? Of all sets it is most like a
# screening: most patients have many photographed spots and no melanoma. It is also the first set whose csv names the
# patient. This notebook shows what that changes.
#
# Numbers, also in sentences, are computed by the cell above them; `make notebooks` runs everything again.
# We made no locked test of this set, because the challenge keeps its own.
#
# *Data: Rotemberg et al. 2021, Sci Data 8:34, doi:10.1038/s41597-021-00815-z; doi:10.34970/2020-ds01; CC BY-NC 4.0.*

# %%
import sys

sys.path.insert(0, "..")  # the project's folder

import pandas as pd

from data_analysis import charts, leaks, photo_sources, profiles, thumbnails
from data_analysis.notebook_display import show_figure, show_findings, show_table, show_text
from data_analysis.profiles import percent

photos = profiles.read_metadata("isic2020")
malignant = photos["diagnosis"] == "malignant"
patients = photos["stated"].nunique()
show_text(
    f"The table has **{len(photos):,} photos** of **{patients:,} patients**, **{malignant.sum():,}** of melanomas."
)

# %% [markdown]
# ## How rare is melanoma?

# %%
counts = profiles.class_counts(photos)
with_melanoma = malignant.groupby(photos["stated"]).any()
show_figure(
    charts.class_bars(counts, "Photos in ISIC 2020", "patients"),
    "isic2020_classes",
    f"{percent(malignant.mean())} of the photos are of a melanoma, one in {1 / malignant.mean():.0f}; "
    f"{with_melanoma.sum():,} of {patients:,} patients ({percent(with_melanoma.mean())}) have one.",
)

# %% [markdown]
# Accuracy says nothing here: always answering "benign" would be almost always right. The area under the ROC curve,
# by which the challenge was judged, asks whether melanomas are ranked above the rest.

# %% [markdown]
# ## What the diagnosis column gives away

# %%
words = pd.crosstab(photos["confirmation"], photos["diagnosis"])
words = words.sort_values(list(words.columns), ascending=False)
unknown = photos["confirmation"] == "unknown"
show_table(words.rename_axis("diagnosis in words"))
show_text(
    f"{percent(unknown.mean())} of the photos have the diagnosis *unknown*, and {malignant[unknown].sum()} of these are "
    "malignant. Where the answer was unknown, the label is benign."
)

# %% [markdown]
# So these words are the answer in another form and must not be an input. They also show the quality of the label
# *benign*: for most photos somebody looked at the lesion, without a microscope.

# %% [markdown]
# ## Who has a melanoma?

# %%
sexes = {"women": "female", "men": "male"}
bands = profiles.age_bands(photos["age"])
lines = {}
for label, sex in sexes.items():
    has_sex_and_age = (photos["sex"] == sex) & bands.notna()
    lines[label] = profiles.share_with_interval(malignant[has_sex_and_age], [bands[has_sex_and_age]])
low, high = lines["men"]["share"].iloc[0], lines["men"]["share"].iloc[-1]
show_figure(
    charts.share_lines(
        lines, "Share of photos that show a melanoma", "Age in years", "Share, with its 95% interval"
    ),
    "isic2020_age_sex",
    f"The share rises with age: {percent(low)} of the photos of men under 30, {percent(high)} of those of men of 70 and "
    f"over; women end at {percent(lines['women']['share'].iloc[-1])}. (The intervals take photos for independent, which "
    "those of one patient are not: the truth is wider.)",
)

# %%
known = photos["site"].notna()
by_site = profiles.share_with_interval(malignant[known], [photos.loc[known, "site"]]).sort_values("share")
show_figure(
    charts.share_dots(
        by_site, "Share of photos that show a melanoma, by region of the body", "Share, with its 95% interval"
    ),
    "isic2020_site",
    f"From {percent(by_site['share'].iloc[0])} ({by_site.index[0]}) to {percent(by_site['share'].iloc[-1])} "
    f"({by_site.index[-1]}); the interval is wide where few photos are, as for oral/genital and palms/soles.",
)

# %% [markdown]
# ## What is missing?

# %%
gaps = profiles.missing_counts(photos)
share = gaps.div(counts["photos"], axis=0).loc[counts.index]
show_figure(
    charts.heat_map(
        share,
        gaps.loc[counts.index].map("{:,}".format) + share.map(" ({:.2%})".format),
        "Photos without a detail: count and share",
        "Missing",
    ),
    "isic2020_missing",
    f"All {gaps['sex'].sum()} photos without sex and all {gaps['age empty'].sum()} without age are benign, while a "
    "missing site is about as frequent in both.",
)

# %% [markdown]
# These are few rows, but for a network that gets the sex, "not known" would be a perfect sign of a benign lesion.

# %% [markdown]
# ## Photos of one patient

# %%
per_patient = profiles.group_sizes(photos["stated"], (1, 6, 11, 21, 51))
sizes = photos["stated"].value_counts()
several = (malignant.groupby(photos["stated"]).sum() > 1).sum()
show_figure(
    charts.group_bars(per_patient, "Photos of one patient", "Photos of the patient", "Patients"),
    "isic2020_photos_a_patient",
    f"Half of the patients have {sizes.median():.0f} photos or more, one has {sizes.max()}; nobody has fewer than "
    f"{sizes.min()}. {several} patients have more than one photo of a melanoma.",
)

# %%
leak = leaks.random_split_leak(photos, "stated")
ours = leaks.leak_of_split(photos["group_id"], photos["part"])
show_figure(
    charts.leak_dots(leak, ours, "What a random 80/20 split by photo leaks", "patient"),
    "isic2020_leak",
    f"Split by photo, {leak['share'][leaks.ALL]:.1%} of the test photos are of a patient known from training; "
    f"split by patient, as here, {percent(ours)}.",
)

# %% [markdown]
# For nearly every test photo, training would have the same skin, the same lamp and the same camera. The memory of a
# patient would then look like knowledge of the disease.

# %% [markdown]
# ## Duplicates

# %%
declared = leaks.describe_pairs(profiles.isic2020_duplicates(), photos)
all_photos = photo_sources.read_all_photos("isic2020")
paths = dict(zip(all_photos["image_id"], all_photos["path"], strict=True))
identical = leaks.describe_pairs(leaks.identical_photos(paths), photos)
show_table(identical)
show_text(
    f"The organisers declare {len(declared)} pairs, {declared['same id'].sum()} of them within one patient; in our split "
    f"{declared['same part'].sum()} stand in the same part. Among the {len(paths):,} photos at hand we found "
    f"{len(identical)} pair that is equal in every pixel; it is "
    f"{'declared' if leaks.count_known_pairs(identical, declared) else 'not declared'}."
)

# %% [markdown]
# ## What the photos look like

# %%
known_photos = photo_sources.read_photos("isic2020")
samples = {
    label: photo_sources.sample_photos(known_photos[known_photos["diagnosis"] == label], 8)
    for label in ("malignant", "benign")
}
samples = {label: rows for label, rows in samples.items() if len(rows)}
sheet = {label: thumbnails.read_thumbnails(rows["path"]) for label, rows in samples.items()}
if sheet:
    show_figure(
        thumbnails.thumbnail_sheet(
            sheet,
            "Eight patients of each kind, drawn at random",
            [photo_sources.CREDITS["isic2020"]],
            {label: list(rows["image_id"]) for label, rows in samples.items()},
        ),
        "isic2020_thumbnails",
        "Many of the melanomas are darker and fill more of the photo, but the lesions in each row differ.",
    )

# %% [markdown]
# Doctors look for the *ugly duckling*: the spot that is unlike the patient's others. Below are the spots of one
# patient; the first is the melanoma.

# %%
rows = photo_sources.sample_patient(known_photos, 16)
if len(rows):
    tiles = thumbnails.read_thumbnails(rows["path"])
    show_figure(
        thumbnails.thumbnail_sheet(
            {"one patient;\nthe melanoma is the first": tiles[:8], "": tiles[8:]},
            "Spots of one patient with a melanoma",
            [photo_sources.CREDITS["isic2020"]],
            list(rows["image_id"]),
        ),
        "isic2020_patient",
        "Skin, light and camera are the patient's: what differs between two patients is not only the disease.",
    )

# %% [markdown]
# ## What this means for the model

# %%
show_findings(
    [
        (
            f"**Rare:** melanoma is {percent(malignant.mean())} of the photos.",
            "A model is almost always right if it decides for benign.",
            "Ranking (AUC) and sensitivity judge; rows of the rare class are drawn more often in training.",
        ),
        (
            (
                f"**Leaks:** a random split knows {leak['share'][leaks.ALL]:.1%} of its test photos' patients; the word "
                "*unknown* means benign."
            ),
            "A model seems good because it knows the patient.",
            f"A patient stands on one side ({percent(ours)} leaks); the diagnosis in words is no input.",
        ),
        (
            f"**Missing:** age and sex in benign photos only ({gaps['age empty'].sum()} and {gaps['sex'].sum()}).",
            "*Not known* means benign.",
            "Details are hidden at random in training, so a missing value says nothing.",
        ),
        (
            f"**Biased:** {percent(unknown.mean())} of the labels were given without a microscope; no skin colour is recorded.",
            "The model learns which lesions doctors cut out.",
            "This cannot be corrected afterwards. So we say it here, and *benign* means *nobody found it malignant*.",
        ),
    ]
)
