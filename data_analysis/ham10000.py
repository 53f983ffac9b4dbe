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
# # HAM10000: what its metadata says before a model is trained
#
# HAM10000 is a collection of dermoscopic photos from Vienna and Queensland, each with one of seven diagnoses, and
# with the patient's age, sex and the place on the body. This project's default model learns from it. This
# notebook answers questions that come before any training: which diagnoses are rare, how sure they are, what is
# missing, what would leak from training into a test, and who the patients were. At the end it says what the project
# did about each answer.
#
# Every number below, also in sentences, is computed by the cell above it. `make notebooks` runs everything
# again. Nothing here tunes or evaluates a model. Counts are of the whole table. Photos are shown and measured only
# from the part that models may learn from. The locked test is read once, to find photos that are equal to others in
# every pixel.
#
# *Data: Tschandl, Rosendahl and Kittler 2018, Sci Data 5:180161, doi:10.1038/sdata.2018.161, CC BY-NC 4.0.*

# %%
import sys
from pathlib import Path

sys.path.insert(0, "..")  # the project's folder

from data_analysis import charts, leaks, photo_sources, profiles, thumbnails
from data_analysis.notebook_display import show_figure, show_findings, show_table, show_text
from data_analysis.profiles import percent
from data_modelling.datasets import ham10000
from data_modelling.inference import diagnoses
from data_modelling.settings import read_settings
from data_modelling.training.class_balance import training_prior

settings = read_settings(Path("../data_modelling/configs/ham10000.toml"))
photos = profiles.read_metadata("ham10000")
lesions = profiles.first_of_each_group(photos)
show_text(
    f"The table has **{len(photos):,} photos** under **{photos['stated'].nunique():,} lesion ids**; "
    f"{photos['group_id'].nunique():,} lesions once those that carry two ids are joined (see *Duplicates*)."
)

# %% [markdown]
# ## Which diagnosis is rare?

# %%
counts = profiles.class_counts(photos)
common, rare = counts.index[0], counts.index[-1]
show_figure(
    charts.class_bars(counts, "Photos of each diagnosis in HAM10000"),
    "ham10000_classes",
    f"{charts.DIAGNOSIS_NAMES[common]} has {counts['share'].iloc[0]:.0%} of all photos; the rarest class, "
    f"{charts.DIAGNOSIS_NAMES[rare]}, has {counts['photos'].iloc[-1]:,}, one for every "
    f"{counts['photos'].iloc[0] / counts['photos'].iloc[-1]:.0f} of {common}. A model that always decided for {common} "
    f"would be right in {percent(counts['share'].iloc[0])} of the photos and find no cancer at all.",
)

# %% [markdown]
# Accuracy is therefore the wrong metric. Balanced accuracy, the mean of the classes' sensitivities, counts every
# class equally; a model that always gives the same answer reaches one in seven.

# %% [markdown]
# ## How sure are the diagnoses?
#
# A diagnosis was confirmed in one of four ways: histopathology of the removed tissue, in-vivo confocal microscopy,
# the consensus of experts, or follow-up, which means a mole that did not change over time.

# %%
confirmed, share = profiles.counts_and_shares(photos["diagnosis"], photos["confirmation"])
order = counts.index
cancers = photos["diagnosis"].isin(charts.CANCERS)
followed = photos["confirmation"] == "follow_up"
show_figure(
    charts.heat_map(
        share.loc[order],
        confirmed.loc[order].map(lambda count: f"{count:,}" if count else "0"),
        "How the diagnosis was confirmed (colour: share of the diagnosis)",
        "Confirmation, as the csv writes it; numbers are photos",
        top=1,
    ),
    "ham10000_confirmation",
    f"{percent((photos[cancers]['confirmation'] == 'histo').mean())} of the cancer photos were confirmed by "
    f"histopathology, and {percent((photos[followed]['diagnosis'] == 'NV').mean())} of the "
    f"{followed.sum():,} follow-up photos are moles.",
)

# %% [markdown]
# So the column reveals the diagnosis: *follow-up* means *mole*. It exists only after the diagnosis, so nobody could
# fill it in on the page, and the model never gets it. It also says something about the labels. Cancers were proven
# under the microscope, but many harmless lesions were not. These are often easy lesions, which nobody needed to cut
# out, so a test on the harmless lesions of this set is partly a test on easy ones.

# %% [markdown]
# ## Who are the patients?
#
# From here on each lesion counts once, whatever its number of photos.

# %%
known_sex = lesions.dropna(subset="sex")
men = profiles.share_with_interval(known_sex["sex"] == "male", [known_sex["diagnosis"]])
ages = profiles.quantile_table(lesions["age"], lesions["diagnosis"])
eldest, youngest = ages["median"].idxmax(), ages["median"].idxmin()
show_figure(
    charts.ages_and_sexes(ages, men, "Age by diagnosis"),
    "ham10000_age_sex",
    f"Patients with {youngest} are the youngest (median {ages['median'].min():.0f} years), those with {eldest} "
    f"among the oldest ({ages['median'].max():.0f}); men have "
    f"{percent(men['share']['MEL'])} of the melanomas but {percent(men['share']['NV'])} of the moles. "
    "The bars on the right are 95% intervals.",
)

# %%
sites = lesions.dropna(subset="site")
on_site, share = profiles.counts_and_shares(sites["diagnosis"], sites["site"])
face = share["head/neck"] if "head/neck" in share else share.iloc[:, 0]
show_figure(
    charts.heat_map(
        share.loc[order],
        share.loc[order].map("{:.0%}".format),
        "Where on the body: share of each diagnosis's lesions",
        "Region of the body, as the model reads it",
    ),
    "ham10000_site",
    f"{face.idxmax()} is found on {face.name} more than any other class ({percent(face.max())} of its lesions), "
    f"while only {percent(face['NV'])} of the moles are there.",
)

# %% [markdown]
# Age and place belong together, because the face gets sun for a lifetime. The next figure shows, by age and place,
# the share of lesions that are cancer or may become cancer.

# %%
known = lesions.dropna(subset=["age", "site"])
known = known.assign(cancer=known["diagnosis"].isin(charts.CANCERS), band=profiles.age_bands(known["age"]))
rates = profiles.share_with_interval(known["cancer"], [known["site"], known["band"]])
rates = rates[rates["count"] >= min(10, rates["count"].max())]
worst = rates["share"].idxmax()
grid = rates["share"].unstack("band").reindex(columns=list(profiles.BANDS))
grid = grid.loc[grid.max(axis=1).sort_values(ascending=False).index]
text = rates.apply(lambda row: f"{row['share']:.0%} of {row['count']:.0f}", axis=1)
show_figure(
    charts.heat_map(
        grid,
        text.unstack("band").reindex(index=grid.index, columns=grid.columns).astype(object).fillna(""),
        "Share of lesions in a cancer class, by region and age (cells of ten lesions or more)",
        "Age in years",
    ),
    "ham10000_cancer_by_age_and_site",
    f"The share climbs with age in nearly every region, to {rates['share'].max():.0%} of the "
    f"{rates.loc[worst, 'count']:.0f} lesions on {worst[0]} at {worst[1]}: so age and site alone contain much information.",
)

# %% [markdown]
# That is a reason to give the model age, sex and site, and a reason for care. These are shares among lesions that
# somebody chose to photograph, many of them before they were cut out. They are not the risk of a person who opens
# the page: in the population a dark spot is a mole far more often. A model learns the shares of its data set, and
# its probabilities hold only for such patients. One thing cannot be counted at all: the table has no column for
# the skin's colour. The photos show mostly light skin, from two places.

# %% [markdown]
# ## What is missing?
#
# Empty cells and the word *unknown* count as missing. So does an age of zero: some of these rows are benign
# keratoses, which newborns do not have, so zero means "not recorded".

# %%
gaps = profiles.missing_counts(photos)
share = gaps.div(counts["photos"], axis=0)
show_figure(
    charts.heat_map(
        share.loc[order],
        gaps.loc[order].astype(str) + share.loc[order].map(" ({:.1%})".format),
        "Photos without a detail: count and share of the diagnosis",
        "Missing",
    ),
    "ham10000_missing",
    f"Of {gaps['age written as 0'].sum()} ages of zero {gaps['age written as 0']['NV']} belong to moles; without "
    f"any age are {gaps.loc['MEL', ['age empty', 'age written as 0']].sum()} photos of melanomas among "
    f"{gaps[['age empty', 'age written as 0']].sum().sum()}, where chance would leave "
    f"{gaps[['age empty', 'age written as 0']].sum().sum() * counts['share']['MEL']:.0f}.",
)

# %% [markdown]
# Little is missing, but not at random: a missing value suggests "mole". A network that gets "age not known" would
# learn exactly that, and a visitor who leaves the form empty would get a harmless answer. In training, known
# details are therefore hidden far more often than they are missing. So "not known" does not mean "mole".

# %% [markdown]
# ## Several photos of one lesion

# %%
sizes = photos.groupby("stated")["image_id"].size()
per_lesion = profiles.group_sizes(photos["stated"], (1, 2, 3, 4, 5, 6))
has_several = photos["stated"].map(sizes) > 1
by_class = has_several.groupby(photos["diagnosis"]).mean()
show_figure(
    charts.group_bars(per_lesion, "Photos of one lesion", "Photos of the lesion", "Lesions"),
    "ham10000_photos_a_lesion",
    f"{(sizes > 1).sum():,} of {len(sizes):,} lesions have more than one photo, and {has_several.mean():.0%} of all photos "
    f"belong to them: {by_class['MEL']:.0%} of the melanoma photos, {by_class['NV']:.0%} of the mole photos, and "
    f"{has_several[followed].sum()} of the {followed.sum():,} follow-up photos.",
)

# %%
differing = profiles.contradictions(photos)
show_text(
    "Photos of one lesion agree in age, sex and site in all but "
    f"{differing.sum()} lesions (site: {differing['site']}, age: {differing['age']}, sex: {differing['sex']})."
)

# %% [markdown]
# The number of photos says how interesting a lesion was, so it also reveals the diagnosis. It is no input either.
# But it does more harm in another way.

# %% [markdown]
# ## What a random split leaks
#
# The usual test set is every fifth photo, drawn at random. Photos of one lesion are then in both parts, and the
# model is tested on lesions that it has seen in training. Their number can be computed exactly: a test photo whose
# lesion has *k* photos leaks unless the other *k* - 1 are all in the test too. Grey and coloured bars show the range
# of 95 of 100 random splits.

# %%
leak = leaks.random_split_leak(photos, "stated")
ours = leaks.leak_of_split(photos["group_id"], photos["part"])
show_figure(
    charts.leak_dots(leak, ours, "What a random 80/20 split by photo leaks"),
    "ham10000_leak",
    f"In {leak['share'][leaks.ALL]:.2%} of the test photos the lesion is known from training, and in "
    f"{leak['share']['MEL']:.2%} of the melanomas; single splits lie between "
    f"{leak['low'][leaks.ALL]:.1%} and {leak['high'][leaks.ALL]:.1%}. In our split it is {percent(ours)}.",
)

# %%
joined = leaks.random_split_leak(photos, "group_id")
everything, melanomas = leak["share"][leaks.ALL], leak["share"]["MEL"]
show_text(
    f"Truncated, not rounded, these are the {int(everything * 1000) / 10} % and "
    f"{int(melanomas * 100)} % that the project's documents name; rounded they are {everything:.1%} and "
    f"{melanomas:.1%}. With the undeclared duplicates of the next section joined, the leak is "
    f"{joined['share'][leaks.ALL]:.2%}."
)

# %% [markdown]
# The leak is largest for melanomas, which were photographed again and again, while ordinary moles were photographed
# once. A metric from such a split says how well a model remembers, not how well it works for the next patient. In our
# split all photos of a lesion are in the same part.

# %% [markdown]
# ## Duplicates
#
# There are three kinds: photos that the table itself declares to be of one lesion (above), photos of one lesion
# under two lesion ids, which others found by comparing all photos (Abhishek, Jain and Hamarneh 2025,
# doi:10.1038/s41597-025-04382-5), and photos that are equal in every pixel, found here by comparing them.

# %%
all_photos = photo_sources.read_all_photos("ham10000")
paths = dict(zip(all_photos["image_id"], all_photos["path"], strict=True))
undeclared = leaks.describe_pairs(ham10000.undeclared_duplicates(), photos)
identical = leaks.describe_pairs(leaks.identical_photos(paths), photos)
show_table(identical)
show_text(
    f"{len(identical)} pairs are equal in every pixel, {identical['same id'].sum()} of them within one lesion id. "
    f"{len(undeclared)} more pairs show one lesion under two ids, {undeclared['same diagnosis'].sum()} of them with "
    f"the same diagnosis; our split joins them: {undeclared['same part'].sum()} stand in the same part."
)

# %% [markdown]
# ## What each class looks like

# %%
known_photos = photo_sources.read_photos("ham10000")
samples = {
    code: photo_sources.sample_photos(known_photos[known_photos["diagnosis"] == code], 8)
    for code in diagnoses.class_codes("ham10000")
}
show_figure(
    thumbnails.thumbnail_sheet(
        {
            charts.diagnosis_name(code): thumbnails.read_thumbnails(rows["path"])
            for code, rows in samples.items()
        },
        "Eight lesions of each class, drawn at random from the folds",
        [photo_sources.CREDITS["ham10000"]],
        {code: list(rows["image_id"]) for code, rows in samples.items()},
    ),
    "ham10000_thumbnails",
    "Most vascular lesions are red or purple and stand out; melanoma, mole and benign keratosis share their browns, "
    "and the lesions of one class differ widely among themselves.",
)

# %% [markdown]
# Ink, rulers, hairs, gel bubbles and the dark rim of the dermatoscope are in the photos as well. They say more about
# the clinic than about the lesion, which leads to the next question.

# %% [markdown]
# ## Another clinic's photos
#
# To see the effect of the clinic alone, only one diagnosis is used: moles (in ISIC 2020, benign lesions), one photo
# of each lesion or patient. HAM10000, ISIC 2017 and ISIC 2020 are dermoscopic; PAD-UFES-20 was taken with
# smartphones, without a dermatoscope. All photos are measured as the network sees them, in a small square.

# %%
sources = photo_sources.read_nevus_photos()
measured = photo_sources.measure_photos(sources)
by_source = measured.groupby("source", sort=False)
show_table(
    by_source[["width", "height", "bytes", "red", "green", "blue", *photo_sources.MEASURE_NAMES]]
    .median()
    .round(2)
    .assign(photos=by_source.size())
)

# %%
labels = {
    "brightness": "mean grey level (0 black, 255 white)",
    "warmth": "mean red less mean blue, grey levels",
    "sharpness": "spread of the Laplacian, grey levels",
    "squeeze": "left-right over top-bottom detail",
}
panels = {name: profiles.quantile_table(measured[name], measured["source"]) for name in labels}
squeeze = panels["squeeze"]["median"]
show_figure(
    charts.source_boxes(panels, labels),
    "ham10000_clinics",
    "The same diagnosis differs from source to source in colour and sharpness. Squeeze shows how the square was "
    f"made: {', '.join(f'{source} {value:.2f}' for source, value in squeeze.items())} in the median, where 1 is "
    "undistorted and well above 1 a wide photo pressed into a square.",
)

# %% [markdown]
# Here HAM10000's photos are the centre square of the original, but the photos of ISIC 2017 and 2020 are stretched to
# a square: a round mole becomes a tall one. Pixel size says nothing about the clinic, because all available photos
# were scaled. A user's own download of HAM10000 is larger, and the loader takes its centre square.

# %%
accuracy = photo_sources.source_accuracy(measured)
show_text(
    f"How much is that? From the four measures alone, without looking at a lesion, the nearest mean names the right "
    f"source for **{accuracy:.0%}** of the photos, the same number from each, where chance would be right for "
    f"{1 / len(sources):.0%}."
)

# %%
moles_of_source = {source: photo_sources.sample_photos(moles, 8, seed=9) for source, moles in sources.items()}
show_figure(
    thumbnails.thumbnail_sheet(
        {source.title: thumbnails.read_thumbnails(rows["path"]) for source, rows in moles_of_source.items()},
        "Moles (ISIC 2020: benign lesions) from different sources",
        [source.credit for source in sources],
        {source.title: list(rows["image_id"]) for source, rows in moles_of_source.items()},
    ),
    "ham10000_clinics_thumbnails",
    "The rows differ in tint, distance and frame (dark corners, a ring of ink); one can often tell them apart "
    "without knowing anything about moles, and so can a network.",
)

# %% [markdown]
# This is why another clinic's photos are hard. A network trained in one place treats the tint of the lamp, the
# distance and the way of cropping as a part of the disease, because nothing in its data contradicts that. In another
# place they differ while the diagnosis does not, and the network is wrong without noticing.

# %% [markdown]
# ## What this means for the model

# %%
codes = list(diagnoses.class_codes("ham10000"))
class_indices = photos.loc[photos["part"] != "test", "diagnosis"].map(codes.index).to_numpy()
epoch = dict(zip(codes, training_prior(class_indices, len(codes), settings.training), strict=True))
hidden = settings.augmentation
rare_answer = (
    f"An epoch shows {rare} as {percent(epoch[rare])} of its photos and {common} as {percent(epoch[common])}. "
    "Probabilities are calibrated to the true shares; decisions are tuned for balanced accuracy, out-of-fold."
)
leak_answer = (
    f"A lesion stands on one side, undeclared duplicates joined: {percent(ours)} leaks. Confirmation, number of "
    "photos and file size are no input. The test is locked, and each opening goes on record."
)
missing_answer = (
    f"Zero is read as missing. Training hides all details of {hidden.drop_details:.0%} of the photos, and each single "
    f"one with {hidden.drop_detail:.0%} in the rest."
)
bias_answer = (
    "Photos are turned, stretched and recoloured at random; the model's card and the page say whose photos it "
    "learned from; the other sources have splits of their own, so that the drop can be measured."
)

# %%
share_rare, share_common = percent(counts["share"].iloc[-1]), percent(counts["share"].iloc[0])
gap_share = gaps.loc["NV"].sum() / gaps.sum().sum()
show_findings(
    [
        (
            f"**Rare:** {rare} is {share_rare} of the photos, {common} {share_common}.",
            "A model seems good if it always decides for mole.",
            rare_answer,
        ),
        (
            f"**Leaks:** in a random split {everything:.1%} of the test; *follow-up* means mole.",
            "A model seems good because it remembers.",
            leak_answer,
        ),
        (
            f"**Missing:** {gaps.sum().sum():,} details, {gap_share:.0%} of them of moles.",
            "The model learns that *not known* means mole.",
            missing_answer,
        ),
        (
            "**Biased:** two places, light skin, cases worth a photo.",
            "The model is too sure in other places.",
            bias_answer,
        ),
    ]
)
