"""Holds everything that the app and `predict` run. It imports no TensorFlow, no pandas and no other folder of data_modelling."""
