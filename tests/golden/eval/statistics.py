"""Write golden statistics by NumPy, SciPy and scikit-learn: statistics.json and `*_other` files.

    python statistics.py

Each case is a pair of models on the samples of a predictions file that make.py wrote. The other
model's logits are the first's with noise and more of the truth. DeLong is computed from its
definition, pair by pair; the bootstrap of the difference draws resamples of its own. Made with
scikit-learn 1.9.1, SciPy 1.17.1, NumPy 2.4.6 and safetensors 0.8.0.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

HERE = Path(__file__).parent
BINS = 10
rng = np.random.default_rng(1988)


def softmax(logits):
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True).astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def curves(logits, targets):
    """Return (known truth, score) of each output that has a curve."""
    if targets.ndim == 2:
        known = [~np.isnan(targets[:, t]) for t in range(targets.shape[1])]
        return [(targets[k, t] == 1, logits[k, t].astype(np.float64)) for t, k in enumerate(known)]
    if logits.shape[1] == 2:
        return [(targets == 1, logits[:, 1].astype(np.float64) - logits[:, 0].astype(np.float64))]
    return [(targets == k, softmax(logits)[:, k]) for k in range(logits.shape[1])]


def placements(truth, score):
    yes, no = score[truth], score[~truth]
    wins = (yes[:, None] > no[None, :]) + 0.5 * (yes[:, None] == no[None, :])
    return wins.mean(axis=1), wins.mean(axis=0)


def delong(truth, one, other):
    yes, no = truth.sum(), (~truth).sum()
    if yes < 2 or no < 2:
        return None
    (ya, na), (yb, nb) = placements(truth, one), placements(truth, other)
    variance = np.cov(ya, yb) / yes + np.cov(na, nb) / no
    contrast = np.array([-1.0, 1.0])
    error = float(np.sqrt(contrast @ variance @ contrast))
    difference = float(yb.mean() - ya.mean())
    half = stats.norm.ppf(0.975) * error
    return {
        "baseline": float(metrics.roc_auc_score(truth, one)),
        "other": float(metrics.roc_auc_score(truth, other)),
        "difference": difference,
        "standard_error": error,
        "interval": [difference - half, difference + half],
        "p": float(2 * stats.norm.sf(abs(difference) / error)) if error > 0 else None,
    }


def roc(truth, score):
    if len(np.unique(truth)) < 2:
        return []
    fpr, tpr, _ = metrics.roc_curve(truth, score)
    return np.stack([fpr, tpr], axis=1).tolist()


def reliability(said, found, brier):
    inner = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], said)
    counts = np.bincount(inner, minlength=BINS)
    true, predicted = calibration_curve(found, said, n_bins=BINS)
    filled = counts[counts > 0]
    return {
        "counts": counts.tolist(),
        "found": true.tolist(),
        "said": predicted.tolist(),
        "ece": float((filled * np.abs(true - predicted)).sum() / filled.sum()),
        "brier": float(brier),
    }


def calibrations(logits, targets):
    if targets.ndim == 1:
        p = softmax(logits)
        taken = logits.argmax(axis=1)
        brier = metrics.brier_score_loss(targets, p, labels=range(p.shape[1]), scale_by_half=False)
        return [reliability(p.max(axis=1), taken == targets, brier)]
    found = []
    for t in range(targets.shape[1]):
        known = ~np.isnan(targets[:, t])
        if known.any():
            p, y = sigmoid(logits[known, t]), targets[known, t].astype(int)
            found.append(reliability(p, y, np.mean((p - y) ** 2)))
    return found


def table(logits, targets):
    rows = []
    for t in range(targets.shape[1]):
        known = ~np.isnan(targets[:, t])
        y, said = targets[known, t] == 1, logits[known, t] > 0
        scores = metrics.precision_recall_fscore_support(y, said, labels=[True], zero_division=np.nan) if known.any() else [[np.nan]] * 3
        precision, recall, f1 = (None if np.isnan(v[0]) else float(v[0]) for v in scores[:3])
        rows.append({"precision": precision, "recall": recall, "f1": f1, "support": int(y.sum()), "predicted": int(said.sum())})
    return rows


def resampled(metric, one, other, targets, resamples=20000):
    """Return percentiles of the difference, with samples drawn with replacement."""
    n = len(targets)
    values = []
    for _ in range(resamples):
        at = rng.integers(0, n, n)
        values.append(metric(targets[at], other[at]) - metric(targets[at], one[at]))
    return np.percentile(values, [2.5, 97.5]).tolist()


METRICS = {
    "accuracy": lambda y, logits: metrics.accuracy_score(y, logits.argmax(axis=1)),
    "macro-f1": lambda y, logits: metrics.f1_score(y, logits.argmax(axis=1), average="macro"),
}

expected = {}
for name in ["grades", "ties", "binary", "binary_ties", "absent_classes", "tasks", "one_task"]:
    file = load_file(HERE / f"{name}.safetensors")
    logits, targets = file["logits"], file["targets"]
    truth = targets if targets.ndim == 2 else np.eye(logits.shape[1])[targets]
    other = logits + 0.7 * rng.normal(size=logits.shape) + 0.5 * np.nan_to_num(truth)
    if "ties" in name:
        other = np.round(other)
    other = np.ascontiguousarray(other.astype(np.float32))
    path = HERE / f"{name}_other.safetensors"
    save_file({"logits": other, "targets": targets}, path)
    path.chmod(0o644)
    pairs = list(zip(curves(logits, targets), curves(other, targets)))
    case = {
        "kind": "multilabel" if targets.ndim == 2 else "multiclass",
        "delong": [delong(t, a, b) for (t, a), (_, b) in pairs],
        "roc": [roc(t, a) for t, a in curves(logits, targets)],
        "calibration": calibrations(logits, targets),
    }
    if targets.ndim == 2:
        case["table"] = table(logits, targets)
    else:
        case["difference"] = {m: METRICS[m](targets, other) - METRICS[m](targets, logits) for m in METRICS}
    if name == "grades":
        case["bootstrap"] = {m: resampled(METRICS[m], logits, other, targets) for m in METRICS}
    expected[name] = case
(HERE / "statistics.json").write_text(json.dumps(expected, indent=1) + "\n")
