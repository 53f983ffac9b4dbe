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
# # Your own photos: answers, similar photos, and a confusion matrix
#
# This notebook goes from a folder of photos to the model's answers. Set `OWN_PHOTOS` to your folder. A `labels.csv` in it
# (columns image, diagnosis, and age, sex, site if known) gives the diagnoses; without one, the name of each photo's
# folder is its diagnosis. Without `OWN_PHOTOS` it reads the eight examples of the page (ISIC 2017, CC-0, Codella et al.
# 2018, arXiv:1710.05006). It is for education and research. It is no diagnosis and no medical device.

# %%
import os
import sys
from pathlib import Path

sys.path.insert(0, "..")  # the project's folder

import numpy as np

from data_analysis.notebook_display import show_table, show_text
from data_analysis.own_photo_folder import answer_table, confusion_table, neighbour_table, read_photo_folder
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.predictor import Predictor
from data_modelling.metrics.bootstrap import wilson_interval

photos = read_photo_folder(Path(os.environ.get("OWN_PHOTOS", "../app/static/examples")))
predictor = Predictor(load_bundle(Path(os.environ.get("OWN_BUNDLE", "../DATA/models/ham10000"))))
show_text(f"**{len(photos)} photos** are judged by the model {predictor.bundle.name}.")

# %% [markdown]
# ## The answers
#
# `class` is the model's decision; `cancer` is the probability of the cancer classes together. A refused photo has none.

# %%
answers = answer_table(predictor, photos)
show_table(answers.drop(columns="neighbours"))

# %% [markdown]
# ## Known photos that are most similar
#
# A bundle without an index of known photos has none.

# %%
show_table(neighbour_table(answers))

# %% [markdown]
# ## Where the model is right
#
# Rows are the known diagnoses, columns are the decisions. Refused photos have their own column.

# %%
show_table(confusion_table(answers))

# %% [markdown]
# ## How sure is such a count?
#
# A count of few photos is uncertain: the interval below is the 95 % interval of Wilson (1927). Your photos must not
# include photos that the model learned from, nor other photos of their lesions.

# %%
judged = answers[answers["diagnosis"] != ""]
right = int((judged["class"] == judged["diagnosis"]).sum())
count = max(len(judged), 1)
low, high = wilson_interval(np.array(right), np.array(count))
show_text(f"The decision is right for **{right} of {len(judged)}** photos ({low:.0%} to {high:.0%}).")
