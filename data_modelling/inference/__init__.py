"""All that the app and `predict` run: no TensorFlow, no pandas, nothing of the rest of data_modelling."""
