"""Trains scikit-learn's SGDClassifier on the rows of a folder and prints what it reached.

Arguments: the folder, training rows, validation rows, features, threads (it uses one), epochs. The
penalty is chosen on the validation rows; the time is that of a fit with the arrays in memory.
"""

import json
import sys
import time
import warnings

import numpy as np
import scipy.sparse
import sklearn
from sklearn.linear_model import SGDClassifier

warnings.filterwarnings("ignore")


def main():
    folder = sys.argv[1]
    train, validation, features, _, epochs = (int(word) for word in sys.argv[2:7])

    def read(name, kind):
        return np.fromfile(f"{folder}/{name}", dtype=kind)

    labels = read("labels", "<f4").astype(np.float64)
    rows = scipy.sparse.csr_matrix(
        (
            read("values", "<f4").astype(np.float64),
            read("features", "<u4").astype(np.int32),
            read("offsets", "<i8").astype(np.int32),
        ),
        shape=(len(labels), features),
    )
    end = train + validation
    own, own_labels = rows[:train], labels[:train]

    def loss(model, first, last):
        scores = model.decision_function(rows[first:last])
        return float(np.logaddexp(0, -labels[first:last] * scores).mean())

    fits = []
    for alpha in (1e-6, 3e-6, 1e-5):
        model = SGDClassifier(loss="log_loss", alpha=alpha, max_iter=epochs, tol=None, random_state=1)
        start = time.perf_counter()
        model.fit(own, own_labels)
        seconds = time.perf_counter() - start
        fits.append((loss(model, train, end), alpha, loss(model, end, len(labels)), seconds))
    _, alpha, test, _ = min(fits)
    seconds = sorted(fit[3] for fit in fits)[len(fits) // 2]
    print(json.dumps({
        "name": f"scikit-learn {sklearn.__version__} SGDClassifier, alpha {alpha:g}",
        "threads": 1,
        "rate": train * epochs / seconds / 1e6,
        "loss": test,
    }))


main()
