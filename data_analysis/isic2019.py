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
# # ISIC 2019: a larger set, made of three
#
# The training set of the ISIC 2019 challenge has eight diagnoses and far more photos than
# HAM10000, because it contains HAM10000: the organisers joined it with photos of earlier challenges (among them
# ISIC 2017) and with BCN20000, the archive of a hospital in Barcelona. This notebook shows what the join added, which
# differences it hides, and what follows if HAM10000 and ISIC 2019 are used side by side, as in this project.
#
# Numbers, also in sentences, are computed by the cell above them; `make notebooks` runs everything again.
# Counts are of the whole table; photos are shown only from the part that models may learn from.
#
# *Data: Tschandl et al. 2018, doi:10.1038/sdata.2018.161; Codella et al. 2018, arXiv:1710.05006; Combalia et al.
# 2019, arXiv:1908.02288. CC BY-NC 4.0.*

# %%
import sys

sys.path.insert(0, "..")  # the project's folder

import pandas as pd

from data_analysis import charts, leaks, photo_sources, profiles, thumbnails
from data_analysis.notebook_display import show_figure, show_findings, show_table, show_text
from data_analysis.profiles import percent
from data_modelling.datasets.isic2019 import original_ids
from data_modelling.inference import diagnoses

photos = profiles.read_metadata("isic2019")
lesions = profiles.first_of_each_group(photos)
earlier = profiles.available_tables(("ham10000", "isic2020"))
show_text(
    f"The table has **{len(photos):,} photos**; for {(photos['stated'] == '').sum():,} no lesion is stated."
)

# %% [markdown]
# ## Which diagnosis is rare, and where do the photos come from?

# %%
counts = profiles.class_counts(photos)
codes = diagnoses.class_codes("isic2019")
absent = [code for code in codes if code not in counts.index]
common, rare = counts.index[0], counts.index[-1]
show_figure(
    charts.class_bars(
        counts,
        "Photos of each diagnosis in ISIC 2019 (no lesion id: a lesion each)",
        "lesions",
    ),
    "isic2019_classes",
    f"{charts.DIAGNOSIS_NAMES[common]} still has {percent(counts['share'].iloc[0])} of the photos; the rarest class, {rare}, has "
    f"{counts['photos'].iloc[-1]:,}. No photo at all has the challenge's further class {', '.join(absent)}.",
)

# %% [markdown]
# The class without a photo, *none of the known classes*, was only in the challenge's test. No network can learn it
# from examples, so a model of nine classes needs another way to give it a probability.

# %%
origin = profiles.origin_of_isic2019(photos, earlier.get("ham10000"))
by_origin = pd.crosstab(photos["diagnosis"], origin).loc[counts.index]
biggest = origin.value_counts().index[0]
show_figure(
    charts.stacked_bars(by_origin, "Where each diagnosis comes from"),
    "isic2019_origin",
    f"{biggest} brought most of the photos ({percent((origin == biggest).mean())}); "
    f"{percent((origin[photos['diagnosis'] == 'BCC'] == biggest).mean())} of the basal cell carcinomas are from there, "
    f"but only {percent((origin[photos['diagnosis'] == 'NV'] == biggest).mean())} of the moles.",
)

# %% [markdown]
# So the diagnosis depends on the clinic's way of taking photos, and a network can gain by recognising the camera. The
# ids tell the origin (HAM10000's ids are known, lesion ids name Barcelona); the rest is from earlier challenges.

# %% [markdown]
# ## The same lesion under two names
#
# HAM10000 has one class for actinic keratosis, Bowen's disease and early squamous cell carcinoma (AKIEC). ISIC 2019
# separates actinic keratosis (AK) and squamous cell carcinoma (SCC), and renamed HAM10000's photos accordingly.

# %%
if "ham10000" in earlier:
    names = earlier["ham10000"].set_index("image_id")["diagnosis"]
    pairs = pd.DataFrame(
        {"HAM10000": original_ids(photos["image_id"]).map(names), "ISIC 2019": photos["diagnosis"]}
    )
    pairs = pairs.dropna()
    renamed = pairs[pairs["HAM10000"] != pairs["ISIC 2019"]]
    show_table(renamed.value_counts().rename("photos").reset_index())
    show_text(
        f"Of {len(pairs):,} photos of HAM10000 {len(renamed):,} changed their name: all were AKIEC, and "
        f"{percent((renamed['ISIC 2019'] == 'SCC').mean())} of them are SCC now."
    )

# %% [markdown]
# This is why AKIEC counts as a cancer class in this project's seven-class task. If SCC is a separate class, AK alone
# "may become cancer".

# %% [markdown]
# ## Who are the patients?

# %%
known_sex = lesions.dropna(subset="sex")
men = profiles.share_with_interval(known_sex["sex"] == "male", [known_sex["diagnosis"]])
ages = profiles.quantile_table(lesions["age"], lesions["diagnosis"])
oldest = ages.index[ages["median"] == ages["median"].max()]
show_figure(
    charts.ages_and_sexes(ages, men, "Age by diagnosis"),
    "isic2019_age_sex",
    f"The order is HAM10000's: moles youngest (median {ages['median']['NV']:.0f} years), {', '.join(oldest)} oldest "
    f"({ages['median'].max():.0f}), melanoma in between ({ages['median']['MEL']:.0f}); squamous cell carcinoma is "
    f"a man's disease here ({percent(men['share']['SCC'])}).",
)

# %%
sites = lesions.dropna(subset="site")
share = profiles.counts_and_shares(sites["diagnosis"], sites["site"])[1].loc[counts.index]
palms = share["palms/soles"] if "palms/soles" in share else share.iloc[:, 0]
show_figure(
    charts.heat_map(
        share,
        share.map("{:.0%}".format),
        "Where on the body: share of each diagnosis's lesions",
        "Region of the body, as the model reads it",
    ),
    "isic2019_site",
    f"Sun-exposed skin (head and neck) carries actinic keratosis; {percent(palms['MEL'])} of the melanomas are on "
    f"{palms.name}, a region that HAM10000 hardly has.",
)

# %% [markdown]
# ## Three data sets, three vocabularies of sites
#
# The challenge's general sites are coarser than HAM10000's names, and the sites of ISIC 2020 are even coarser. This
# project reads every name as one of its own regions, so one form and one model work for all.

# %%
site_names = profiles.vocabulary({"isic2019": photos, **earlier})
show_table(site_names)
vocabularies = {
    name: sum(
        site_name != "(empty)" for site_name in site_names.index[site_names[name] > 0].get_level_values(1)
    )
    for name in site_names
}
show_text(
    "Names in use: "
    + ", ".join(f"{name} {number}" for name, number in vocabularies.items())
    + ". The side of the torso is stated in ISIC 2019, mostly in HAM10000, never in ISIC 2020."
)

# %% [markdown]
# ## What is missing?

# %%
gaps = profiles.missing_counts(photos.assign(origin=origin), "origin")
share = gaps.div(origin.value_counts(), axis=0).loc[gaps.index]
show_figure(
    charts.heat_map(
        share,
        gaps.map("{:,}".format) + share.map(" ({:.1%})".format),
        "Photos without a detail, by where they come from",
        "Missing",
    ),
    "isic2019_missing",
    f"The gaps belong to the source: the share without a site runs from {percent(share['site'].min())} "
    f"({share['site'].idxmin()}) to {percent(share['site'].max())} ({share['site'].idxmax()}).",
)

# %%
if "ham10000" in earlier:
    their_names = original_ids(photos["image_id"]).map(earlier["ham10000"].set_index("image_id")["site_text"])
    lost = their_names[photos["site"].isna()].value_counts()
    show_text(
        "Many of HAM10000's gaps were made by the join. In its own csv, its photos without a site here are: "
        + ", ".join(f"{number:,} *{site_name}*" for site_name, number in lost.items())
        + ". Names that the challenge's vocabulary lacks were dropped, not translated; HAM10000's csv still has it."
    )

# %%
by_class = profiles.missing_counts(photos)
by_share = by_class.div(counts["photos"], axis=0).loc[counts.index]
show_table(by_class.loc[counts.index].astype(str) + by_share.map(" ({:.1%})".format))
show_text(
    f"Again a missing value suggests a mole: {percent(by_share['site']['NV'])} of the moles have no site, but "
    f"{percent(by_share['site']['SCC'])} of the squamous cell carcinomas. The csv has no column on how a diagnosis "
    "was confirmed, so the question of HAM10000's notebook cannot be asked here."
)

# %% [markdown]
# ## Photos of one lesion, and what a random split leaks

# %%
stated = photos[photos["stated"] != ""]
per_lesion = profiles.group_sizes(stated["stated"], (1, 2, 3, 4, 5, 6, 11, 21))
most = stated["stated"].value_counts().max()
show_figure(
    charts.group_bars(
        per_lesion, "Photos of one lesion, where it is stated", "Photos of the lesion", "Lesions"
    ),
    "isic2019_photos_a_lesion",
    f"Lesions of many photos are common here: {percent(1 - per_lesion['groups'].iloc[0] / per_lesion['groups'].sum())} "
    f"of the lesions have more than one, and one has {most}.",
)

# %%
leak = leaks.random_split_leak(photos, "stated")
ours = leaks.leak_of_split(photos["group_id"], photos["part"])
show_figure(
    charts.leak_dots(leak, ours, "What a random 80/20 split by photo leaks, at least"),
    "isic2019_leak",
    f"At least {leak['share'][leaks.ALL]:.1%} of the test photos and {leak['share']['MEL']:.1%} of the melanomas "
    f"show a lesion known from training; more cannot be known, as {percent((photos['stated'] == '').mean())} of the "
    f"photos state no lesion. In our split it is {percent(ours)}.",
)

# %% [markdown]
# ## The leak between two data sets
#
# There is a second leak that a careful split of ISIC 2019 alone would not stop. Its photos include HAM10000's. If
# the two were split separately, most of HAM10000's test photos would be in ISIC 2019's training part, and a network
# trained on it would know them.

# %%
if "ham10000" in earlier:
    shared = leaks.shared_photo_counts(earlier["ham10000"], photos)
    moved = shared.to_numpy().sum() - sum(shared.loc[part, part] for part in shared.index if part in shared)
    apart = 1 - (photos["part"] == "test").mean()
    show_text(
        f"Of {shared.to_numpy().sum():,} photos in both sets **{moved:,}** stand in another part in one than in the "
        f"other. Had ISIC 2019 been split on its own, about {apart:.0%} of HAM10000's locked test would be in its folds."
    )

# %% [markdown]
# ## What each class looks like
#
# The photos of Barcelona are here at 84 x 84 pixels; the others are also in HAM10000 or ISIC 2017.

# %%
known_photos = photo_sources.read_isic2019_photos(photos)
samples = {
    code: photo_sources.sample_photos(known_photos[known_photos["diagnosis"] == code], 8)
    for code in counts.index
}
samples = {charts.diagnosis_name(code): rows for code, rows in samples.items() if len(rows)}
if samples:
    show_figure(
        thumbnails.thumbnail_sheet(
            {label: thumbnails.read_thumbnails(rows["path"]) for label, rows in samples.items()},
            "Eight lesions of each class, drawn at random from the folds",
            [photo_sources.CREDITS["ham10000"], photo_sources.CREDITS["isic2017"], photo_sources.BCN_CREDIT],
            {label: list(rows["image_id"]) for label, rows in samples.items()},
        ),
        "isic2019_thumbnails",
        "Actinic keratosis and squamous cell carcinoma, one class in HAM10000, are hard to tell apart by eye: many of both are "
        "pink, scaly and without a clear border.",
    )

# %% [markdown]
# ## What this means for the model

# %%
gap = percent(by_share["site"]["NV"])
show_findings(
    [
        (
            f"**Rare:** {rare} is {percent(counts['share'].iloc[-1])} of the photos; {', '.join(absent)} has none.",
            "The average hides rare classes; a class without photos cannot be learned.",
            "Classes are balanced in training by drawing rows; balanced accuracy judges, a class at a time.",
        ),
        (
            f"**Leaks:** at least {leak['share'][leaks.ALL]:.1%} of a random test; HAM10000 is inside.",
            "A model of one set is tested on photos that it knows from the other.",
            f"A lesion stands on one side ({percent(ours)} leaks), and every photo where HAM10000 and ISIC 2017 have it.",
        ),
        (
            f"**Missing:** the site of {gap} of the moles; the lesion of {(photos['stated'] == '').sum():,} photos.",
            "*Not known* suggests a mole and shows the clinic.",
            "Details are hidden at random in training; a photo without a lesion id is its own group.",
        ),
        (
            "**Biased:** the clinic goes with the diagnosis; no skin colour, no confirmation recorded.",
            "The camera gives a hint that fails elsewhere.",
            "Colour, size and stretch are changed at random; the origin is no input.",
        ),
    ]
)
