"""TimeDistributed: its tags, and what it asks of the transformer."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from test_callbacks import Listener, since_1_9
from test_preprocessing import random_list

from sklstm.preprocessing import TimeDistributed

X = random_list()


class Doubling(TransformerMixin, BaseEstimator):
    """It has the tags that it is given, and remembers how it was called."""

    def __init__(self, tags=None):
        self.tags = tags

    def fit(self, X, y=None):
        self.called_ = ["fit"]
        return self

    def transform(self, X):
        self.called_.append("transform")
        return 2 * X

    def __sklearn_tags__(self):
        return super().__sklearn_tags__() if self.tags is None else self.tags


class Bare(BaseEstimator):
    """No TransformerMixin: neither fit_transform nor tags of a transformer."""

    def fit(self, X, y=None):
        self.n_fits_ = 1
        return self

    def transform(self, X):
        return 2 * X


TAGS = [
    ("input_tags", "allow_nan"),
    ("input_tags", "positive_only"),
    ("target_tags", "required"),
    (None, "non_deterministic"),
]


@pytest.mark.parametrize("value", [False, True])
@pytest.mark.parametrize("group, tag", TAGS)
def test_tags_are_those_of_the_transformer(group, tag, value):
    inner = copy.deepcopy(get_tags(Doubling()))
    setattr(inner if group is None else getattr(inner, group), tag, value)
    tags = get_tags(TimeDistributed(Doubling(inner)))
    others = get_tags(TimeDistributed(Doubling()))
    assert getattr(tags if group is None else getattr(tags, group), tag) is value
    # and that one alone
    setattr(others if group is None else getattr(others, group), tag, value)
    assert tags == others


@pytest.mark.parametrize("preserves", [[], ["float32"], ["float64", "float32"]])
def test_dtypes_that_are_preserved(preserves):
    inner = copy.deepcopy(get_tags(Doubling()))
    inner.transformer_tags.preserves_dtype = preserves
    tags = get_tags(TimeDistributed(Doubling(inner)))
    assert tags.transformer_tags.preserves_dtype == preserves


@pytest.mark.parametrize("inner", [None, "passthrough", 3, Bare()])
def test_tags_where_the_transformer_has_none(inner):
    tags = get_tags(TimeDistributed(inner))
    assert tags.input_tags.three_d_array and not tags.input_tags.sparse
    assert tags.transformer_tags.preserves_dtype == ["float64"]


def test_sparse_input_is_none_of_ours():
    inner = copy.deepcopy(get_tags(Doubling()))
    inner.input_tags.sparse = True
    assert not get_tags(TimeDistributed(Doubling(inner))).input_tags.sparse


def test_parameters_are_those_of_the_transformer_too():
    model = TimeDistributed(PCA(2))
    assert model.get_params(deep=False) == {"transformer": model.transformer}
    assert model.get_params()["transformer__n_components"] == 2
    model.set_params(transformer__n_components=1).fit(X)
    assert model.transformer_.n_components_ == 1
    assert not hasattr(model.transformer, "n_components_")


def test_fit_and_transform_where_there_is_no_fit_transform():
    for got, x in zip(TimeDistributed(Bare()).fit_transform(X), X, strict=True):
        assert_array_equal(got, 2 * x)


def test_fit_does_not_transform():
    model = TimeDistributed(Doubling()).fit(X)
    assert model.transformer_.called_ == ["fit"]
    model.transform(X)
    model.fit_transform(X)
    assert model.transformer_.called_ == ["fit", "transform"]


@pytest.mark.parametrize("y", [None, np.arange(6)])
def test_targets_are_of_sequences(y):
    class Remembers(Doubling):
        def fit(self, X, y=None):
            self.y_ = y
            return super().fit(X)

    got = TimeDistributed(Remembers()).fit(X, y).transformer_.y_
    expected = None if y is None else np.repeat(y, [len(x) for x in X])
    assert_array_equal(got, expected)


@since_1_9
@pytest.mark.parametrize("weight", [None, np.arange(6) % 4])
def test_the_fit_of_the_transformer_is_a_task_that_gets_steps(weight):
    y, lengths = np.arange(6), [len(x) for x in X]
    listener = Listener()
    TimeDistributed(StandardScaler()).set_callbacks(listener).fit(X, y, weight)
    for hook in ("begin", "end"):
        (given,) = listener.given(hook, "fit-transformer")
        assert_array_equal(given["X"], np.vstack(X))
        assert_array_equal(given["y"], np.repeat(y, lengths))
        if weight is None:
            assert given["metadata"] is None
        else:
            got = given["metadata"]["sample_weight"]
            assert_array_equal(got, np.repeat(weight, lengths))
