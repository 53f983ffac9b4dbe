"""What the field does: a Flask app around a Keras model, in a process of its own.

python -m benchmarks.field predict|call BUNDLE PORT, or, as a file, in the environment of sklesion: field.py sklesion - PORT

No checks, no calibration, no limits: the photo is decoded, resized and given to the network, and the probabilities
are the answer. It is served by waitress, as ours is, with its usual threads.
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


def keras_app(bundle: Path, how: str) -> Flask:
    """A Flask app that answers with the network of a bundle, by `model.predict` or by `model(x)`."""
    import keras
    import numpy as np
    from PIL import Image

    from data_modelling.inference.details import Details, encode
    from data_modelling.networks import fusion  # noqa: F401 - registers the layers

    model = keras.saving.load_model(bundle / "model.keras", compile=False)
    edge = json.loads((bundle / "metadata.json").read_text())["edge"]
    details = encode(Details())[None]
    app = Flask(__name__)

    @app.post("/predict")
    def predict():
        photo = Image.open(request.files["photo"].stream).convert("RGB").resize((edge, edge))
        inputs = {"photo": np.asarray(photo, np.float32)[None], "details": details}
        outputs = model.predict(inputs, verbose=0) if how == "predict" else model(inputs)
        logits = np.asarray(outputs["logits"], np.float64)[0]
        grown = np.exp(logits - logits.max())
        return jsonify(probabilities=(grown / grown.sum()).tolist())

    return app


def sklesion_app() -> Flask:
    """A Flask app around sklesion, as its own `predict_P` answers."""
    from sklesion.model import SkinLesionClassifier

    classifier = SkinLesionClassifier()
    meta = {"age": 50, "sex": "unknown", "location": "unknown"}
    app = Flask(__name__)

    @app.post("/predict")
    def predict():
        answer = classifier.predict_P({"image": request.files["photo"].read(), "meta": meta})
        return jsonify(probabilities=answer[0].tolist())

    return app


if __name__ == "__main__":
    chosen, bundle, port = sys.argv[1:]
    serve(
        sklesion_app() if chosen == "sklesion" else keras_app(Path(bundle), chosen),
        host="127.0.0.1",
        port=int(port),
        threads=THREADS,
        connection_limit=300,
    )
