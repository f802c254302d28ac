"""Write golden ensembles by SciPy and scikit-learn: ensemble.json.

    python ensemble.py

Each case is a pair of models on the same samples, whose predictions the other scripts wrote. The
ensemble is the mean of their probabilities in 64-bit floats. `first` has the probabilities of the
first samples. Made with scikit-learn 1.9.1, SciPy 1.17.1, NumPy 2.4.6 and
safetensors 0.8.0.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.special import expit, softmax
from sklearn import metrics

HERE = Path(__file__).parent
warnings.simplefilter("ignore")  # scikit-learn warns where it replaces an undefined value
CASES = ["grades", "binary", "absent_classes", "tasks", "one_task", "patients_tasks"]


def area(truth, score):
    return float(metrics.roc_auc_score(truth, score)) if len(np.unique(truth)) == 2 else None


def read(name):
    file = load_file(HERE / f"{name}.safetensors")
    logits = file["logits"].astype(np.float64)
    probabilities = expit(logits) if file["targets"].ndim == 2 else softmax(logits, axis=1)
    return probabilities, file["targets"]


expected = {}
for name in CASES:
    (one, targets), (other, _) = read(name), read(f"{name}_other")
    mean = (one + other) / 2
    if targets.ndim == 2:
        known = [~np.isnan(targets[:, task]) for task in range(targets.shape[1])]
        areas = [area(targets[k, task], mean[k, task]) for task, k in enumerate(known)]
        known = ~np.isnan(targets)
        found = {"log-loss": -float(metrics.log_loss(targets[known], mean[known], labels=[0, 1]))}
    else:
        classes = range(mean.shape[1])
        areas = [area(targets == k, mean[:, k]) for k in classes]
        areas = areas[1:] if mean.shape[1] == 2 else areas
        taken = mean.argmax(axis=1)
        kappa = metrics.cohen_kappa_score(targets, taken, labels=classes, weights="quadratic")
        found = {
            "accuracy": float(metrics.accuracy_score(targets, taken)),
            "macro-f1": float(metrics.f1_score(targets, taken, average="macro")),
            "macro-recall": float(metrics.recall_score(targets, taken, average="macro")),
            "quadratic-kappa": float(kappa),
            "log-loss": -float(metrics.log_loss(targets, mean, labels=classes)),
        }
    found["auroc"] = float(np.mean([a for a in areas if a is not None]))
    found["first"] = mean[:3].tolist()
    expected[name] = found
(HERE / "ensemble.json").write_text(json.dumps(expected, indent=1) + "\n")
