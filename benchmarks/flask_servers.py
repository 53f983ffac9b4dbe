"""Serve a Keras model with a usual Flask app, in a separate process.

python -m benchmarks.flask_servers predict|call BUNDLE PORT

There are no checks, no calibration and no limits: the photo is decoded, resized and given to the network, and the
probabilities are the answer. waitress serves it, as it serves our app, with its usual threads.
"""

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from flask import Flask, jsonify, request
from waitress import serve

THREADS = 8


def keras_app(bundle: Path, call: str) -> Flask:
    """Return a Flask app that answers with the network of a bundle, by `model.predict` or by `model(x)`."""
    import keras
    import numpy as np
    from PIL import Image

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
        outputs = model.predict(inputs, verbose=0) if call == "predict" else model(inputs)
        logits = np.asarray(outputs["logits"], np.float64)[0]
        exponentials = np.exp(logits - logits.max())
        return jsonify(probabilities=(exponentials / exponentials.sum()).tolist())

    return app


if __name__ == "__main__":
    kind, bundle, port = sys.argv[1:]
    serve(
        keras_app(Path(bundle), kind),
        host="127.0.0.1",
        port=int(port),
        threads=THREADS,
        connection_limit=300,
    )
