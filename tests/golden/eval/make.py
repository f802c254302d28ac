"""Write golden metrics by scikit-learn: the files beside this script.

    python make.py

Each case is a predictions file (safetensors: "logits" f32 [N, C]; "targets" i64 [N], or f32 [N, C]
with NaN for unknown). expected.json has the metrics of all cases; null means undefined. Made with
scikit-learn 1.9.1, NumPy 2.4.6 and safetensors 0.8.0.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn import metrics

HERE = Path(__file__).parent
warnings.simplefilter("ignore")  # scikit-learn warns where it replaces an undefined value
rng = np.random.default_rng(20240)


def softmax(logits):
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True).astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def area(target, score):
    if len(np.unique(target)) < 2:
        return None
    return float(metrics.roc_auc_score(target, score))


def mean(areas):
    defined = [a for a in areas if a is not None]
    return float(np.mean(defined)) if defined else None


def multiclass(logits, targets):
    taken = logits.argmax(axis=1)
    classes = logits.shape[1]
    if classes == 2:
        areas = [area(targets, softmax(logits)[:, 1])]
    else:
        areas = [area(targets == k, softmax(logits)[:, k]) for k in range(classes)]
    kappa = metrics.cohen_kappa_score(targets, taken, labels=range(classes), weights="quadratic")
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        targets, taken, labels=range(classes), zero_division=np.nan
    )
    null = lambda values: [None if np.isnan(v) else float(v) for v in values]
    return {
        "kind": "multiclass",
        "accuracy": float(metrics.accuracy_score(targets, taken)),
        "macro-f1": float(metrics.f1_score(targets, taken, average="macro")),
        "macro-recall": float(metrics.recall_score(targets, taken, average="macro")),
        "auroc": mean(areas),
        "quadratic-kappa": None if np.isnan(kappa) else float(kappa),
        "log-loss": -float(metrics.log_loss(targets, softmax(logits), labels=range(classes))),
        "outputs": areas,
        "confusion": metrics.confusion_matrix(targets, taken, labels=range(classes)).tolist(),
        "precision": null(precision),
        "recall": null(recall),
        "f1": null(f1),
        "support": [int(n) for n in support],
    }


def multilabel(logits, targets):
    areas = []
    for task in range(logits.shape[1]):
        known = ~np.isnan(targets[:, task])
        areas.append(area(targets[known, task], logits[known, task]) if known.any() else None)
    known = ~np.isnan(targets)
    yes = 1 / (1 + np.exp(-logits[known].astype(np.float64)))
    loss = metrics.log_loss(targets[known], yes, labels=[0, 1])
    return {"kind": "multilabel", "auroc": mean(areas), "log-loss": -float(loss), "outputs": areas}


def draw(samples, shares, signal, step=None):
    """Draw long-tailed classes and correlated logits; `step` rounds the logits, which makes ties."""
    targets = rng.choice(len(shares), size=samples, p=shares)
    logits = rng.normal(size=(samples, len(shares))) + signal * np.eye(len(shares))[targets]
    if step:
        logits = np.round(logits / step) * step
    return logits.astype(np.float32), targets.astype(np.int64)


cases = {}
cases["grades"] = draw(150, [0.49, 0.1, 0.27, 0.06, 0.08], 1.2)
cases["ties"] = draw(120, [0.4, 0.3, 0.2, 0.1], 1.0, step=1.0)
cases["binary"] = draw(100, [0.6, 0.4], 0.8)
cases["binary_ties"] = draw(100, [0.6, 0.4], 0.8, step=0.5)

logits, targets = draw(80, [0.5, 0.3, 0.0, 0.2, 0.0, 0.0], 1.0)
logits[:, 4:] = -9  # class 2 is only predicted, classes 4 and 5 do not occur
cases["absent_classes"] = (logits, targets)

logits, targets = draw(60, [0.0, 0.6, 0.4, 0.0], 1.0)
logits[:, 0] = 9  # every prediction is a class that no sample has
cases["only_wrong"] = (logits, targets)

logits, targets = draw(70, [0.5, 0.0, 0.3, 0.2], 1.0)
logits[:, 1] = -9  # a gap between the classes that occur: kappa's distances are over all classes
cases["gap"] = (logits, targets)

logits, targets = draw(60, [0.55, 0.2, 0.15, 0.06, 0.04], 0.0)
logits[:, 0] = 9
cases["collapsed"] = (logits, targets)

logits, targets = draw(40, [0.0, 1.0, 0.0], 0.5)
cases["one_class"] = (logits, targets)

logits, targets = draw(10, [0.0, 1.0, 0.0], 0.0)
logits[:, 1] = 9
cases["one_class_right"] = (logits, targets)

labels = (rng.random((90, 7)) < [0.5, 0.3, 0.1, 0.05, 0.5, 0.5, 0.5]).astype(np.float32)
logits = (rng.normal(size=labels.shape) + labels).astype(np.float32)
logits[:, 1] = np.round(logits[:, 1])
labels[rng.random(labels.shape) < 0.3] = np.nan
labels[:, 4] = np.where(np.isnan(labels[:, 4]), np.nan, 0)  # no positive
labels[:, 5] = np.where(np.isnan(labels[:, 5]), np.nan, 1)  # no negative
labels[:, 6] = np.nan  # all unknown
cases["tasks"] = (logits, labels)

labels = (rng.random((50, 1)) < 0.4).astype(np.float32)
cases["one_task"] = ((rng.normal(size=labels.shape) + labels).astype(np.float32), labels)

expected = {}
for name, (logits, targets) in cases.items():
    file = HERE / f"{name}.safetensors"
    save_file({"logits": np.ascontiguousarray(logits), "targets": targets}, file)
    file.chmod(0o644)
    expected[name] = multilabel(logits, targets) if targets.ndim == 2 else multiclass(logits, targets)
(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
