"""Serve a Keras model with a usual Flask app: `PORT=8001 python -m benchmarks.flask_server BUNDLE`.

The benchmarks compare our app with this one, which has no checks and no calibration. This app decodes and resizes
the photo, and answers with the network's probabilities. waitress serves it with 8 threads.
"""

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from flask import Flask, jsonify, request
from waitress import serve


def keras_app(bundle: Path) -> Flask:
    """Return a Flask app that answers with the network of a bundle, by `model.predict`."""
    import keras
    import numpy as np
    from PIL import Image
    from scipy.special import softmax

    import data_modelling.networks.model  # noqa: F401 - registers the layers
    from data_modelling.inference.details import Details, encode_details

    model = keras.saving.load_model(bundle / "model.keras", compile=False)
    edge = json.loads((bundle / "metadata.json").read_text())["edge"]
    details = encode_details(Details())[None]
    app = Flask(__name__)

    @app.post("/predict")
    def predict():
        photo = Image.open(request.files["photo"].stream).convert("RGB").resize((edge, edge))
        inputs = {"photo": np.asarray(photo, np.float32)[None], "details": details}
        logits = model.predict(inputs, verbose=0)["logits"][0]
        return jsonify(probabilities=softmax(logits.astype(float)).tolist())

    return app


if __name__ == "__main__":
    port = int(os.environ["PORT"])
    serve(keras_app(Path(sys.argv[1])), host="127.0.0.1", port=port, threads=8, connection_limit=300)
