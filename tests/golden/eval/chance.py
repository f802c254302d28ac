"""Write golden chance levels by scikit-learn's DummyClassifier: chance.json.

    python chance.py

Each case is a predictions file that make.py wrote, of which only the targets are used: the dummy is
fitted to them and scored on them. Metrics of the predicted class are the best over all constant
classes, those of probabilities are of the prior; null means undefined. Made with scikit-learn 1.9.1,
NumPy 2.4.6 and safetensors 0.8.0.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from sklearn import metrics
from sklearn.dummy import DummyClassifier

HERE = Path(__file__).parent
warnings.simplefilter("ignore")  # scikit-learn warns where it replaces an undefined value


def prior(y):
    x = np.zeros((len(y), 1))
    return DummyClassifier(strategy="prior").fit(x, y).predict_proba(x)


def multiclass(y, classes):
    x, present = np.zeros((len(y), 1)), np.unique(y)
    constant = [DummyClassifier(strategy="constant", constant=k).fit(x, y).predict(x) for k in present]
    kappa = lambda said: metrics.cohen_kappa_score(y, said, labels=range(classes), weights="quadratic")
    best = lambda of: max(float(of(said)) for said in constant)
    alone = len(present) < 2
    area = lambda k: metrics.roc_auc_score(y == k, prior(y == k)[:, 1])
    return {
        "accuracy": best(lambda said: metrics.accuracy_score(y, said)),
        "macro-f1": best(lambda said: metrics.f1_score(y, said, average="macro")),
        "macro-recall": best(lambda said: metrics.recall_score(y, said, average="macro")),
        "quadratic-kappa": None if alone else best(kappa),
        "auroc": None if alone else float(np.mean([area(k) for k in present])),
        # One class has the loss 0, which scikit-learn refuses to compute.
        "log-loss": 0.0 if alone else -float(metrics.log_loss(y, prior(y))),
    }


def multilabel(y):
    columns = [column[~np.isnan(column)] for column in y.T]
    both = [column for column in columns if len(np.unique(column)) == 2]
    areas = [metrics.roc_auc_score(column, prior(column)[:, 1]) for column in both]
    losses = [metrics.log_loss(column, prior(column), normalize=False) for column in both]
    known = sum(len(column) for column in columns)
    return {"auroc": float(np.mean(areas)) if areas else None, "log-loss": -float(sum(losses) / known)}


names = json.loads((HERE / "expected.json").read_text())
cases = {}
for name in names:
    tensors = load_file(HERE / f"{name}.safetensors")
    y = tensors["targets"]
    cases[name] = multiclass(y, tensors["logits"].shape[1]) if y.ndim == 1 else multilabel(y)
(HERE / "chance.json").write_text(json.dumps(cases, indent=1) + "\n")
