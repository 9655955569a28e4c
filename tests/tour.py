"""Every public class and function, run once: for tests that do so under conditions.

    python -OO tests/tour.py

No statement is an assertion, which ``python -O`` leaves out.
"""

import pickle
import warnings

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklstm
from sklstm.export import from_keras
from sklstm.sequences import check_sequences

FAMILIES = ("LSTM", "GRU", "RNN")
CLASSIFIERS = tuple(getattr(sklstm, f"{family}Classifier") for family in FAMILIES)
REGRESSORS = tuple(getattr(sklstm, f"{family}Regressor") for family in FAMILIES)
LOSSES = ("squared_error", "absolute_error", "huber", "poisson", "quantile")
SOLVERS = ("adam", "adamw", "sgd", "rmsprop", "lbfgs")
OPTIONS = (
    *({"solver": solver, "alpha": 1e-3} for solver in SOLVERS),
    {"dropout": 0.2, "recurrent_dropout": 0.2, "hidden_layer_sizes": (4, 3)},
    {"early_stopping": True, "validation_fraction": 0.4},
    {"bidirectional": True, "pooling": "attention", "learning_rate": "cosine"},
    {"pooling": "mean", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1},
    {"pooling": "max", "learning_rate": "invscaling", "dtype": "float64"},
    {"tbptt": 3, "max_grad_norm": None},
    {"missing": "ffill", "warm_start": True},
    {"missing": "indicator", "batch_size": 1},
)
FAMILY_OPTIONS = {
    "LSTM": {"peephole": True, "forget_bias": "chrono"},
    "GRU": {},
    "RNN": {"activation": "relu"},
}


def require(condition, what):
    if not condition:
        raise AssertionError(what)


def sequences(scale=1.0, n=14):
    """Ragged sequences of two features."""
    rng = np.random.default_rng(0)
    with np.errstate(under="ignore"):
        return [scale * rng.standard_normal((T, 2)) for T in rng.integers(1, 9, n)]


def targets(estimator, n, scale=1.0):
    if is_classifier(estimator):
        return np.arange(n) % 3
    return scale * (1 + np.arange(n) % 7)


def fitted(estimator, X, y, **fit_params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y, **fit_params)


def use(estimator, X, y):
    """Call every method that predicts, and copy the estimator in every way."""
    n, K = len(X), len(np.unique(y))
    for method in (
        "predict", "predict_proba", "predict_log_proba", "decision_function",
        "transform",
    ):  # fmt: skip
        if hasattr(estimator, method):
            result = getattr(estimator, method)(X)
            require(len(result) == n, f"{method} of {estimator}")
            require(np.isfinite(result).all(), f"{method} of {estimator}")
            if method == "predict_proba":
                require(result.shape == (n, K), f"{method} of {estimator}")
    for output in ("sequence", "gates"):
        estimator.transform(X, output=output)
    if not estimator.bidirectional:
        state = estimator.initial_state()
        for x in X[0]:
            prediction, state = estimator.predict_step(x, state)
        whole = estimator.predict(X[:1])
        require((prediction == whole).all(), f"a step of {estimator}")
    estimator.score(X, y)
    copied = pickle.loads(pickle.dumps(estimator))
    require((copied.predict(X) == estimator.predict(X)).all(), f"pickle of {estimator}")
    repr(clone(estimator))


def small(Estimator, **params):
    return Estimator(
        **{"hidden_layer_sizes": 3, "max_iter": 2, "random_state": 0, **params}
    )


def estimators():
    """Every estimator, and every option with one or another of them."""
    for k, options in enumerate(OPTIONS):
        yield small(CLASSIFIERS[k % 3], **options)
        yield small(REGRESSORS[k % 3], **options)
    for k, loss in enumerate(LOSSES):
        yield small(REGRESSORS[k % 3], loss=loss)
        yield small(REGRESSORS[(k + 1) % 3], loss=loss, solver="lbfgs")
        yield small(
            REGRESSORS[(k + 2) % 3], loss=loss, early_stopping=True,
            validation_fraction=0.4,
        )  # fmt: skip
    yield small(REGRESSORS[1], loss="quantile", quantile=[0.1, 0.5, 0.9])
    for family, options in FAMILY_OPTIONS.items():
        yield small(getattr(sklstm, f"{family}Classifier"), **options)
        yield small(getattr(sklstm, f"{family}Regressor"), **options)


def tour_of_estimators(x_scale=1.0, y_scale=1.0):
    X = sequences(x_scale)
    for estimator in estimators():
        y = targets(estimator, len(X), y_scale)
        use(fitted(estimator, X, y), X, y)
        if estimator.warm_start:
            use(fitted(estimator, X, y), X, y)
        if estimator.solver != "lbfgs" and not estimator.early_stopping:
            use(estimator.partial_fit(X, y), X, y)
    multilabel = np.arange(2 * len(X)).reshape(-1, 2) % 3 > 1
    balanced = small(CLASSIFIERS[0], class_weight="balanced")
    fitted(balanced, X, multilabel, sample_weight=np.arange(len(X))).predict_proba(X)


def tour_of_preprocessing(scale=1.0):
    X = sequences(scale)
    preprocessing = sklstm.preprocessing
    steps = preprocessing.TimeDistributed(StandardScaler())
    stacker = preprocessing.FrameStacker(n_frames=3, step=2)
    model = make_pipeline(steps, stacker, small(CLASSIFIERS[1]))
    y = targets(model, len(X))
    require(fitted(model, X, y).predict(X).shape == y.shape, "pipeline")
    sounds = [x[:, :1] for x in X]
    mel = preprocessing.LogMel(n_mels=2, win_length=2, hop_length=1)
    frames = mel.fit_transform(sounds)
    require((frames[:1].data == mel.transform(sounds[:1]).data).all(), "sounds")
    steps.inverse_transform(steps.transform(X))
    words = [["b", "a", "b"][: len(x)] for x in X]
    encoder = preprocessing.TokenEncoder()
    model_of_words = make_pipeline(encoder, small(CLASSIFIERS[1], embedding_dim=2))
    require(len(fitted(model_of_words, words, y).predict(words)) == len(X), "words")
    ids = encoder.transform(words)
    require(encoder.inverse_transform(ids) == words, "tokens")
    encoder.get_feature_names_out()
    repr(pickle.loads(pickle.dumps(ids[::2])))
    model[:-1].get_feature_names_out()
    check_sequences(X, dtype="float32", allow_nan=True)
    array = sklstm.SequenceArray.from_list(X)
    require((check_sequences(X).data == array.data).all(), "containers")
    array[::2].to_padded()
    repr(array)


def tour_of_inspection(scale=1.0):
    inspection = sklstm.inspection
    X = sequences(scale)
    for Estimator in (*CLASSIFIERS, *REGRESSORS):
        model = small(Estimator)
        y = targets(model, len(X))
        fitted(model, X, y)
        inspection.gradient_norms(model, X, y)
        for axis in ("feature", "time"):
            inspection.sequence_permutation_importance(
                model, X, y, axis=axis, n_repeats=1
            )


def tour_of_the_rest():
    datasets = sklstm.datasets
    X, y = datasets.load_japanese_vowels(subset="test", return_X_y=True)
    require(len(X) == len(y), "Japanese vowels")
    datasets.load_beijing_pm25()
    words, phones = datasets.load_pronunciations(subset="test", return_X_y=True)
    require(len(words) == len(phones), "pronunciations")
    datasets.load_shakespeare()
    for Estimator in (*CLASSIFIERS, *REGRESSORS):
        model = small(Estimator)
        X = sequences()
        fitted(model, X, targets(model, len(X)))
        weights = sklstm.export.to_keras(model, standardized=True)
        from_keras(weights, clone(model)).predict(X)
    require(callable(sklstm.utils.check_sequence_estimator), "utils")
    sklstm.show_versions()


def main():
    tour_of_estimators()
    tour_of_preprocessing()
    tour_of_inspection()
    tour_of_the_rest()


if __name__ == "__main__":
    main()
    print("every public name was there")
