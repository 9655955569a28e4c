"""Callbacks of what is in pipelines, transformers and searches."""

import numpy as np
import pytest
from callback_cases import (
    TASK_ATTRIBUTES,
    Everywhere,
    Listener,
    ScoringMonitor,
    learnt,
    ragged,
    scores_of,
    since_1_9,
    small,
    target,
)
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklstm import LSTMClassifier
from sklstm.preprocessing import FrameStacker, TimeDistributed
from sklstm.sequences import SequenceArray

pytestmark = pytest.mark.filterwarnings("ignore:Maximum iterations")


def pipeline_of(final, *inner):
    steps = [TimeDistributed(each) for each in inner or [StandardScaler()]]
    return make_pipeline(*steps, FrameStacker(2), final)


@since_1_9
@pytest.mark.filterwarnings("error", "ignore:Maximum iterations")
def test_callbacks_go_through_a_pipeline():
    """To the scaler and the epochs, without a word about what has no callbacks."""
    X = ragged()
    y = target(LSTMClassifier, X)
    listener = Everywhere()
    pipeline = pipeline_of(small(), StandardScaler(), MinMaxScaler())
    pipeline.set_callbacks(listener).fit(X, y)
    ends = [
        (estimator.__class__.__name__, context.task_name)
        for hook, context, estimator, _ in listener.heard
        if hook == "end"
    ]
    assert ends == [
        ("StandardScaler", "fit"),
        ("TimeDistributed", "fit"),
        ("TimeDistributed", "fit"),
        ("FrameStacker", "fit"),
        *4 * [("LSTMClassifier", "epoch")],
        ("LSTMClassifier", "fit"),
        ("Pipeline", "fit"),
    ]
    hooks = [hook for hook, *_ in listener.heard]
    assert hooks.count("begin") == hooks.count("end") == len(ends)
    assert hooks.count("setup") == hooks.count("teardown") == 1
    paths = []
    for hook, context, estimator, _ in listener.heard:
        if hook == "end" and not isinstance(estimator, type(pipeline)):
            path = []
            while context is not None:
                path.append(context.task_id)
                context = context.parent
            paths.append(tuple(path[::-1]))
    assert paths == [
        (0, 0, 0), (0, 0), (0, 1), (0, 2), (0, 3, 0), (0, 3, 1), (0, 3, 2), (0, 3, 3),
        (0, 3),
    ]  # fmt: skip
    for _, step in pipeline.steps:
        assert not any(hasattr(step, name) for name in TASK_ATTRIBUTES)
        assert not hasattr(step, "_skl_callbacks")
    assert not hasattr(pipeline[0].transformer_, "_skl_callbacks")
    expected = pipeline_of(small(), StandardScaler(), MinMaxScaler()).fit(X, y)
    assert learnt(pipeline[-1]) == learnt(expected[-1])


@since_1_9
def test_callbacks_of_what_is_wrapped():
    """A callback of the scaler alone knows the whole tree."""
    X = ragged()
    listener = Listener()
    scaler = TimeDistributed(StandardScaler().set_callbacks(listener))
    make_pipeline(scaler, small()).fit(X, target(LSTMClassifier, X))
    assert [hook for hook, *_ in listener.heard] == [
        "setup",
        "begin",
        "end",
        "teardown",
    ]
    context = listener.heard[0][1]
    assert context.source_estimator_name == "TimeDistributed"
    assert context.parent.estimator_name == "TimeDistributed"
    assert context.parent.parent.estimator_name == "Pipeline"
    steps = np.vstack(X)
    assert_array_equal(listener.given("end", "fit")[0]["X"], steps)


@since_1_9
@pytest.mark.parametrize(
    "transformer",
    [
        FrameStacker(2),
        TimeDistributed(StandardScaler()),
        TimeDistributed(MinMaxScaler()),
    ],
    ids=str,
)
def test_callbacks_of_transformers(transformer):
    X = ragged()
    listener = Listener()
    transformer = clone(transformer).set_callbacks(listener)
    result = transformer.fit_transform(X)
    names = [name for name in listener.story if name[1] == "fit"]
    assert names == [(hook, "fit") for hook in ("setup", "begin", "end", "teardown")]
    inner = getattr(transformer, "transformer", None)
    assert listener.heard[0][1].max_subtasks == isinstance(inner, StandardScaler)
    (given,) = listener.given("end", "fit")
    assert given["X"] == SequenceArray.from_list(X)
    got = given["fitted_estimator"].transform(X)
    for x, expected in zip(got, result, strict=True):
        assert_array_equal(x, expected)
    assert not any(hasattr(transformer, name) for name in TASK_ATTRIBUTES)


@since_1_9
def test_wrapped_transformers_get_steps():
    X = ragged()
    lengths = [len(x) for x in X]
    y, weight = np.arange(24), np.arange(24) % 4
    listener = Everywhere()
    transformer = TimeDistributed(StandardScaler()).set_callbacks(listener)
    transformer.fit(X, y, weight)
    inner, outer = listener.given("begin", "fit")[::-1]
    assert_array_equal(inner["X"], np.vstack(X))
    assert_array_equal(inner["y"], np.repeat(y, lengths))
    assert_array_equal(inner["metadata"]["sample_weight"], np.repeat(weight, lengths))
    assert outer["X"] == SequenceArray.from_list(X)
    assert_array_equal(outer["y"], y)
    assert_array_equal(outer["metadata"]["sample_weight"], weight)


@since_1_9
@pytest.mark.filterwarnings("error", "ignore:Maximum iterations")
def test_scoring_monitor_in_a_pipeline():
    X = ragged()
    y = target(LSTMClassifier, X)
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = pipeline_of(small().set_callbacks(monitor)).fit(X, y)
    assert len(scores_of(monitor)) == 4
    assert scores_of(monitor)[-1] == pipeline.score(X, y)


@since_1_9
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search(n_jobs, capsys):
    """Nested progress bars and a score for every epoch, from other processes too."""
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    X = ragged()
    y = target(LSTMClassifier, X)
    monitor = ScoringMonitor(scoring="accuracy")
    pipeline = pipeline_of(small().set_callbacks(monitor))
    grid = {"lstmclassifier__max_iter": [2, 3]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    printed = capsys.readouterr().out
    for bar in (
        "GridSearchCV - fit",
        "GridSearchCV - candidate-split-evaluation | Pipeline - fit #3",
        "Pipeline - fit-transform-timedistributed | TimeDistributed - fit #0",
        "TimeDistributed - fit-transformer | StandardScaler - fit #0",
        "Pipeline - fit-transform-framestacker | FrameStacker - fit #1",
        "Pipeline - fit-final-estimator | LSTMClassifier - fit #2",
    ):
        # the width of a terminal that is none cuts names
        assert bar[:40] in printed
    assert "100%" in printed
    data = monitor.get_logs().data
    epochs = [row for row in data if row["task_name"] == "epoch"]
    assert (
        len(epochs) == 2 * 2 + 2 * 3 + search.best_params_["lstmclassifier__max_iter"]
    )
    best = search.best_estimator_
    assert epochs and not any(hasattr(best[-1], name) for name in TASK_ATTRIBUTES)
    expected = GridSearchCV(pipeline_of(small()), grid, cv=2).fit(X, y)
    assert learnt(best[-1]) == learnt(expected.best_estimator_[-1])
    assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
