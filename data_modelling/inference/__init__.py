"""Everything that the app and `predict` run; it imports neither TensorFlow nor pandas nor other folders of data_modelling."""
