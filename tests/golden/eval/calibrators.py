"""Write golden calibrators by scikit-learn and SciPy: calibrators.json.

    python calibrators.py

Each case is a predictions file that make.py or statistics.py wrote. "temperature", and "slope" and
"intercept" of a task, are roots of the gradient of the loss by SciPy; "scikit_learn" has those of
scikit-learn, which stops earlier. A task without both labels is null. Made with scikit-learn 1.9.1,
SciPy 1.17.1, NumPy 2.4.6 and safetensors 0.8.0.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.optimize import brentq, root
from scipy.special import expit, softmax
from sklearn.calibration import _SigmoidCalibration, _TemperatureScaling
from sklearn.isotonic import IsotonicRegression

HERE = Path(__file__).parent
POINTS = np.linspace(-6, 6, 25)


def temperature(logits, targets):
    rows = np.arange(len(targets))

    def slope(log_beta):
        p = softmax(np.exp(log_beta) * logits, axis=1)
        return ((p * logits).sum(axis=1) - logits[rows, targets]).mean()

    low, high = np.log(0.01), np.log(100)
    if slope(low) > 0 or slope(high) < 0:
        return {"temperature": 100.0 if slope(low) > 0 else 0.01}
    ours = brentq(slope, low, high, xtol=1e-14, rtol=1e-14)
    theirs = _TemperatureScaling().fit(logits, targets).beta_
    return {"temperature": float(np.exp(-ours)), "scikit_learn": float(1 / theirs)}


def platt(z, y):
    yes, no = y.sum(), (1 - y).sum()
    t = np.where(y == 1, (yes + 1) / (yes + 2), 1 / (no + 2))

    def gradient(line):
        error = expit(line[0] * z + line[1]) - t
        return [(error * z).mean(), error.mean()]

    found = root(gradient, [1.0, 0.0], tol=1e-14)
    assert np.abs(gradient(found.x)).max() < 1e-12
    theirs = _SigmoidCalibration().fit(z, y)
    return {
        "slope": float(found.x[0]),
        "intercept": float(found.x[1]),
        "scikit_learn": [float(-theirs.a_), float(-theirs.b_)],
    }


def isotonic(z, y):
    fit = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(z, y)
    knots = np.stack([fit.X_thresholds_, fit.y_thresholds_], axis=1)
    return {"knots": knots.tolist(), "points": fit.predict(POINTS).tolist()}


expected = {}
for name in ["grades", "ties", "ties_other", "binary", "binary_ties", "absent_classes", "collapsed"]:
    file = load_file(HERE / f"{name}.safetensors")
    expected[name] = temperature(file["logits"].astype(np.float64), file["targets"])
for name in ["tasks", "tasks_other", "one_task", "one_task_other", "patients_tasks"]:
    file = load_file(HERE / f"{name}.safetensors")
    tasks = []
    for z, y in zip(file["logits"].astype(np.float64).T, file["targets"].T):
        z, y = z[~np.isnan(y)], y[~np.isnan(y)].astype(np.float64)
        both = len(np.unique(y)) == 2
        tasks.append({"platt": platt(z, y), "isotonic": isotonic(z, y)} if both else None)
    expected[name] = {"tasks": tasks}
(HERE / "calibrators.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
