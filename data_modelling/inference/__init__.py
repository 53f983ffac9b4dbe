"""Holds the part of data_modelling that the app, `predict` and `monitor` run. It imports no TensorFlow or pandas."""
