"""Write golden variances of AUROC with groups: clustered.json and the `patients*` files.

    python clustered.py

Computes the definition of Obuchowski 1997 (Nonparametric analysis of clustered ROC curve data,
Biometrics 53:567-578) pair by pair with NumPy, since no package on PyPI has it. The
delete-one-group jackknife, another estimate of the same variance, must be near. Each case is a pair
of models on the same samples, with "groups" i64 [N]; null means undefined. Made with SciPy 1.17.1,
NumPy 2.4.6 and safetensors 0.8.0.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy import stats

HERE = Path(__file__).parent
rng = np.random.default_rng(1997)


def psi(x, y):
    return 1.0 if x > y else 0.5 if x == y else 0.0


def area(truth, score):
    pairs = [psi(x, y) for x, is_x in zip(score, truth) if is_x for y, is_y in zip(score, truth) if not is_y]
    return sum(pairs) / len(pairs)


def components(truth, score, groups):
    """Return, per group, the sums of V10 over its positives and of V01 over its negatives.

    The area is subtracted once for each of them.
    """
    xs = [s for s, t in zip(score, truth) if t]
    ys = [s for s, t in zip(score, truth) if not t]
    theta = area(truth, score)
    of_positives, of_negatives = [], []
    for group in sorted(set(groups)):
        a = b = 0.0
        for s, t, g in zip(score, truth, groups):
            if g == group and t:
                a += sum(psi(s, y) for y in ys) / len(ys) - theta
            if g == group and not t:
                b += sum(psi(x, s) for x in xs) / len(xs) - theta
        of_positives.append(a)
        of_negatives.append(b)
    return of_positives, of_negatives


def covariance(truth, one, other, groups):
    """Return the covariance of the areas of two scores; of a score with itself, the variance."""
    m, n = sum(truth), sum(not t for t in truth)
    i10 = len({g for g, t in zip(groups, truth) if t})
    i01 = len({g for g, t in zip(groups, truth) if not t})
    i = len(set(groups))
    (a1, b1), (a2, b2) = components(truth, one, groups), components(truth, other, groups)
    s10 = i10 / ((i10 - 1) * m) * sum(x * y for x, y in zip(a1, a2))
    s01 = i01 / ((i01 - 1) * n) * sum(x * y for x, y in zip(b1, b2))
    s11 = i / (i - 1) * sum(x * y for x, y in zip(a1, b2))
    s11_other = i / (i - 1) * sum(x * y for x, y in zip(a2, b1))
    return s10 / m + s01 / n + s11 / (m * n) + s11_other / (m * n)


def jackknife(truth, one, other, groups):
    """Return the standard error of the difference, with each group left out once."""
    left = [groups != group for group in sorted(set(groups))]
    values = np.array([area(truth[k], other[k]) - area(truth[k], one[k]) for k in left])
    return float(np.sqrt((len(left) - 1) / len(left) * ((values - values.mean()) ** 2).sum()))


def clustered(truth, one, other, groups):
    if min(len(set(groups[truth])), len(set(groups[~truth]))) < 2:
        return None
    variances = [covariance(truth, s, s, groups) for s in (one, other)]
    shared = covariance(truth, one, other, groups)
    difference = area(truth, other) - area(truth, one)
    error = float(np.sqrt(variances[0] + variances[1] - 2 * shared))
    half = stats.norm.ppf(0.975) * error
    near = jackknife(truth, one, other, groups)
    assert abs(near / error - 1) < 0.15, (near, error)
    return {
        "baseline": area(truth, one),
        "other": area(truth, other),
        "difference": difference,
        "standard_error": error,
        "interval": [difference - half, difference + half],
        "p": float(2 * stats.norm.sf(abs(difference) / error)),
        "standard_errors": np.sqrt(variances).tolist(),  # of each area by itself
        "covariance": shared,
        "jackknife": near,
    }


def of_patient(groups, outputs, size):
    return size * rng.normal(size=(groups.max() + 1, outputs))[groups]


def save(name, logits, targets, groups):
    path = HERE / f"{name}.safetensors"
    save_file({"logits": np.ascontiguousarray(logits.astype(np.float32)), "targets": targets, "groups": groups}, path)
    path.chmod(0o644)


expected = {}

# 1 to 8 images per patient, most with the patient's label. Scores are rounded, which makes ties.
# Groups are neither sorted nor dense.
groups = rng.permutation(np.repeat(np.arange(40), rng.integers(1, 9, 40)))
targets = ((rng.random(40) < 0.4)[groups] ^ (rng.random(len(groups)) < 0.15)).astype(np.int64)
models = [
    np.round(2 * (rng.normal(size=(len(groups), 2)) + signal * np.eye(2)[targets] + of_patient(groups, 2, 0.8))) / 2
    for signal in (0.7, 1.1)
]
groups = (groups * 7919 + 3).astype(np.int64)
save("patients", models[0], targets, groups)
save("patients_other", models[1], targets, groups)
scores = [(m[:, 1] - m[:, 0]).astype(np.float64) for m in models]
expected["patients"] = {"kind": "multiclass", "delong": [clustered(targets == 1, *scores, groups)]}

# Tasks with unknown labels; all positives of the last task are of one patient.
groups = np.sort(rng.integers(0, 30, 120)).astype(np.int64)
labels = ((rng.random((30, 3)) < 0.4)[groups] ^ (rng.random((120, 3)) < 0.2)).astype(np.float32)
labels[:, 2] = groups == 4
labels[rng.random(labels.shape) < 0.2] = np.nan
models = [
    (rng.normal(size=labels.shape) + signal * np.nan_to_num(labels) + of_patient(groups, 3, 0.7)).astype(np.float32)
    for signal in (0.8, 1.2)
]
save("patients_tasks", models[0], labels, groups)
save("patients_tasks_other", models[1], labels, groups)
tasks = []
for t in range(3):
    known = ~np.isnan(labels[:, t])
    tasks.append(clustered(labels[known, t] == 1, *(m[known, t].astype(np.float64) for m in models), groups[known]))
expected["patients_tasks"] = {"kind": "multilabel", "delong": tasks}

(HERE / "clustered.json").write_text(json.dumps(expected, indent=1) + "\n")
