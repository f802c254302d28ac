"""Write golden operating points and decision curves by scikit-learn and NumPy: decisions.json.

    python decisions.py

Each case is a pair of predictions files that make.py, statistics.py or clustered.py wrote. For each
output with positives and negatives, the thresholds are chosen on the first file, from the points of
scikit-learn's ROC curve, and evaluated on the other. "intervals" are cluster bootstraps over groups,
with resamples of their own. Made with scikit-learn 1.9.1, SciPy 1.17.1, NumPy 2.4.6 and safetensors
0.8.0.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.special import expit, softmax
from sklearn import metrics

HERE = Path(__file__).parent
THRESHOLDS = [0.07, 0.21, 0.33, 0.55]
PREVALENCE = 0.05
rng = np.random.default_rng(2006)


def outputs(name):
    """Return (known truth, probability, groups) of each output."""
    file = load_file(HERE / f"{name}.safetensors")
    logits, targets = file["logits"].astype(np.float64), file["targets"]
    groups = file.get("groups", np.arange(len(logits)))
    if targets.ndim == 1:
        p = softmax(logits, axis=1)
        return [(targets == k, p[:, k], groups) for k in range(p.shape[1])]
    known = ~np.isnan(targets).T
    return [(targets[k, t] == 1, expit(logits[k, t]), groups[k]) for t, k in enumerate(known)]


def choose(truth, p, worth):
    """Return the threshold of the point with the highest tuple."""
    fpr, tpr, scores = metrics.roc_curve(truth, p, drop_intermediate=False)
    worths = [np.round(worth(t, 1 - f), 12).tolist() for f, t in zip(fpr, tpr)]
    best = worths.index(max(worths))
    below = scores[best + 1] if best + 1 < len(scores) else None
    if best == 0:
        threshold = 1.0
    else:
        threshold = 0.0 if below is None else (scores[best] + below) / 2
    return {"threshold": float(threshold), "sensitivity": float(tpr[best]), "specificity": float(1 - fpr[best])}


def rates(truth, said, prevalence=None):
    tn, fp, fn, tp = metrics.confusion_matrix(truth, said, labels=[False, True]).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
        share = (tp + fn) / (tp + fn + tn + fp) if prevalence is None else prevalence
        hits, alarms = share * sensitivity, (1 - share) * (1 - specificity)
        misses, passes = share * (1 - sensitivity), (1 - share) * specificity
        values = [sensitivity, specificity, hits / (hits + alarms), passes / (passes + misses)]
    return [int(n) for n in (tp, fp, tn, fn)], values


def null(values):
    return [None if np.isnan(v) else float(v) for v in values]


def net_benefit(truth, p, t):
    said = p >= t
    return ((said & truth).sum() - (said & ~truth).sum() * t / (1 - t)) / len(truth)


def intervals(truth, p, groups, threshold, resamples=20000):
    names = np.unique(groups)
    of = [np.flatnonzero(groups == g) for g in names]
    found = []
    for _ in range(resamples):
        at = np.concatenate([of[g] for g in rng.integers(0, len(names), len(names))])
        y, q = truth[at], p[at]
        said = q >= threshold
        tp, fp, tn, fn = (said & y).sum(), (said & ~y).sum(), (~said & ~y).sum(), (~said & y).sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = np.array([tp, tn, tp, tn]) / np.array([tp + fn, tn + fp, tp + fp, tn + fn])
        found.append([*rate, net_benefit(y, q, THRESHOLDS[2])])
    return np.nanpercentile(found, [2.5, 97.5], axis=0).T.tolist()


expected = {}
for name in ["grades", "ties", "binary", "tasks", "one_task", "patients_tasks"]:
    case = []
    for (truth, p, _), (test, q, groups) in zip(outputs(name), outputs(f"{name}_other")):
        if len(np.unique(truth)) < 2:
            case.append(None)
            continue
        share = truth.mean()
        rules = {
            "youden": choose(truth, p, lambda sens, spec: (sens + spec, sens)),
            "sensitivity": choose(truth, p, lambda sens, spec: (spec, sens) if sens >= 0.9 else (-1, -1)),
            "specificity": choose(truth, p, lambda sens, spec: (sens, spec) if spec >= 0.8 else (-1, -1)),
            "cost": choose(truth, p, lambda sens, spec: (share * 5 * sens + (1 - share) * spec, sens)),
        }
        for point in rules.values():
            counts, of_data = rates(test, q >= point["threshold"])
            point["counts"], point["rates"] = counts, null(of_data)
            point["rare"] = null(rates(test, q >= point["threshold"], PREVALENCE)[1])
        curve = [[float(net_benefit(test, s, t)) for s in (q, np.ones(len(q)))] for t in THRESHOLDS]
        case.append({"rules": rules, "curve": curve})
        if name == "patients_tasks" and len(case) == 1:
            case[0]["intervals"] = intervals(test, q, groups, rules["youden"]["threshold"])
    expected[name] = case
(HERE / "decisions.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")
