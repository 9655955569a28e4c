"""to_onnx: a fitted estimator as an ONNX model."""

from __future__ import annotations

import json
from itertools import pairwise
from numbers import Integral
from typing import Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from .._estimators.at_steps import StepEstimator
from .._estimators.base import check_recurrent
from .._estimators.fitted import fitted_of
from .._estimators.language_model import RecurrentLanguageModel
from .._estimators.seq2seq import RecurrentSeq2Seq
from .._estimators.transcriber import RecurrentTranscriber
from .._typing import ModelProto
from .._version import __version__
from ..preprocessing import FrameStacker, TimeDistributed
from ..sequences._check import features_of
from ._common import check_exchanged, has_labels, numbers_of, refuse_clips

# What is written as a step, or as two networks.
SAY_TOKENS = RecurrentLanguageModel, RecurrentSeq2Seq
# Of 2023: ONNX Runtime 1.15 and what came later run it.
DEFAULT_OPSET = 18
# The operators have had the form they are written in since this set.
LEAST_OPSET = 15


def to_onnx(
    estimator: BaseEstimator,
    *,
    target_opset: int | None = None,
    name: str | None = None,
    stream: bool = False,
    part: Literal["encoder", "decoder"] | None = None,
) -> ModelProto:
    """Write a fitted estimator as an ONNX model, for programs without Python.

    The model has the network itself, with one node of ONNX for each recurrent layer
    (LSTM, GRU or RNN), what the estimator makes of its outputs, and the steps of a
    Pipeline before it. It computes in float32. It takes padded sequences:

    - ``X``: float32 (batch, time, features). What stands behind the end of a sequence
      does not matter, whatever it is, NaN included. Ids of tokens are numbers too.
    - ``sequence_lens``: int32 (batch,), the numbers of steps.

    Batch, of one or more, and time may have any size at every call; of a batch of none
    ONNX Runtime may abort the program. A classifier has two outputs, a regressor one:

    - ``label``: (batch,), int64, string, bool or float64, as `classes_` are; for
      multilabel targets int64 (batch, n_outputs).
    - ``probabilities``: float32 (batch, n_classes), as of `predict_proba`.
    - ``variable``: float64, in the shape of `predict`.

    With an output at every step (LSTMTagger, LSTMStepRegressor) they are (batch, time)
    and so on; behind the end of a sequence ``probabilities`` and ``variable`` are NaN,
    and ``label`` means nothing. Where labels have a conditional random field, which
    depends on whole sequences, the model has what decodes them:

    - ``emissions``: float32 (batch, time, n_classes), as of `decision_function`;
    - ``transitions``: float32 (n_classes, n_classes), ``start_transitions`` and
      ``end_transitions``: float32 (n_classes,), the same at every call; -inf forbids.
      The labels are the path of the largest sum (the second example).

    What says tokens is written as what there is to choose from, and the choice is left
    to the program, which knows how long it may take (the third example):

    - LSTMTranscriber: ``log_probabilities``, float32 (batch, time, n_classes + 1), of
      the labels at each step and, as the last one, of the blank;
    - LSTMLanguageModel: one step, of ``token``, int64 (batch,), and the states ``h_l0``
      and so on, float32 (batch, units), which begin as zeros, to ``log_probabilities``,
      float32 (batch, n_tokens + 1), and ``next_h_l0`` and so on;
    - LSTMSeq2Seq with ``part="encoder"``: of ``X`` and ``sequence_lens`` the states
      that the decoder begins with and, where it attends, ``memory``, float32 (batch,
      time, outputs of the encoder); with ``part="decoder"`` one step as that of a
      language model, which also takes ``sequence_lens`` and, where it attends,
      ``memory``, and gives ``attention`` then, float32 (batch, time).

    The token behind the last of the vocabulary is the mark: it is read first, and ends
    a sequence.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier, regressor or tagger of sklstm, a Pipeline of
        :class:`~sklstm.preprocessing.TimeDistributed` and
        :class:`~sklstm.preprocessing.FrameStacker` that ends in one, or a fitted search
        (GridSearchCV) over one of these, of which the best is taken. The transformers
        in TimeDistributed must be some that skl2onnx knows.

    target_opset : int, default=None
        Version of ONNX' operators, 15 or later. None is 18, which runtimes from 2023 on
        read. skl2onnx warns of versions later than those it was tested with.

    name : str, default=None
        Name of the graph. None is that of the class.

    stream : bool, default=False
        Whether the sequences come in pieces, of one or several steps. The model then
        has an input for every state, and behind the other outputs one of the same shape
        whose name has ``next_`` before it, to be passed on with the next piece. All
        states begin as zeros. Predictions are those for the sequences up to there, at
        steps those of the steps of the piece.

    part : {"encoder", "decoder"}, default=None
        Which of the two networks of an LSTMSeq2Seq is written. Other estimators have
        one.

    Returns
    -------
    model : onnx.ModelProto
        The model, checked by ``onnx.checker``. ``model.SerializeToString()`` gives the
        bytes that runtimes and files take.

    Raises
    ------
    ImportError
        If onnx or skl2onnx is missing: ``pip install 'sklstm[onnx]'``.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator, or a step of the Pipeline, is of a kind that cannot be
        exported.
    ValueError
        If skl2onnx cannot convert a transformer, or would write another one, if ONNX
        has no type for the labels, if `target_opset` is out of its range, or if a
        bidirectional network or a FrameStacker shall be streamed, or if `part` is not
        one that the estimator has.

    See Also
    --------
    sklstm.LSTMClassifier.predict_step : Streaming in Python.

    Notes
    -----
    Labels and numbers agree with `predict` up to the rounding of float32, in which the
    steps of the Pipeline are computed too: features that are large beside what they
    vary by should be shifted before. An estimator of ``dtype="float64"`` is exported in
    float32 as well, because ONNX Runtime computes recurrent layers in nothing else.

    The model raises no errors of its own. Where a sequence has a missing value,
    infinity or, among ids, a number that is none, `probabilities` or `variable` are NaN
    and `label` means nothing, unless `missing` of the estimator or an imputer fills it;
    in a stream also for the pieces after it. An id beyond the table has its row 0. The
    tokens of the ids, where X of the fit knew them and they are text, are a list in the
    metadata, ``vocabulary``, as JSON, those of answers ``target_vocabulary``; those of
    the ids 1, 2, ... of a categorical column 3 are ``categories_3``. A FrameStacker of
    ``remainder="error"`` drops what is left over.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime  # doctest: +SKIP
    >>> from sklstm import GRUClassifier
    >>> from sklstm.export import to_onnx
    >>> from sklstm.sequences import SequenceArray
    >>> rng = np.random.default_rng(0)
    >>> X = SequenceArray.from_list(
    ...     [rng.standard_normal((T, 2)) for T in rng.integers(3, 9, size=60)]
    ... )
    >>> y = ["up" if x[:, 0].sum() > 0 else "down" for x in X]
    >>> model = GRUClassifier(8, max_iter=10, random_state=0).fit(X, y)
    >>> session = onnxruntime.InferenceSession(
    ...     to_onnx(model).SerializeToString()
    ... )  # doctest: +SKIP
    >>> label, probabilities = session.run(
    ...     None,
    ...     {
    ...         "X": X.to_padded().astype("float32"),
    ...         "sequence_lens": X.lengths.astype("int32"),
    ...     },
    ... )  # doctest: +SKIP
    >>> bool((label == model.predict(X)).all())  # doctest: +SKIP
    True

    The best path of a conditional random field, of a sequence of T steps, by Viterbi's
    algorithm:

    >>> def best_path(emissions, transitions, start, end):
    ...     score, came_from = start + emissions[0], []
    ...     for emission in emissions[1:]:
    ...         paths = score[:, None] + transitions
    ...         came_from.append(paths.argmax(axis=0))
    ...         score = paths.max(axis=0) + emission
    ...     path = [int((score + end).argmax())]
    ...     for before in reversed(came_from):
    ...         path.append(int(before[path[-1]]))
    ...     return path[::-1]
    >>> from sklstm import LSTMTagger
    >>> y = [["up" if s > 0 else "down" for s in x[:, 0].cumsum()] for x in X]
    >>> model = LSTMTagger(8, max_iter=10, random_state=0).fit(X, y)
    >>> session = onnxruntime.InferenceSession(
    ...     to_onnx(model).SerializeToString()
    ... )  # doctest: +SKIP
    >>> emissions, *scores = session.run(
    ...     None,
    ...     {
    ...         "X": X.to_padded().astype("float32"),
    ...         "sequence_lens": X.lengths.astype("int32"),
    ...     },
    ... )  # doctest: +SKIP
    >>> path = best_path(emissions[0, : X.lengths[0]], *scores)  # doctest: +SKIP
    >>> model.classes_[path].tolist() == model.predict(X)[0]  # doctest: +SKIP
    True

    An answer, of the best token at each step, where the encoder is `encode` and the
    decoder `decode`, both sessions of ONNX Runtime, and `mark` is the number of tokens:

    >>> def answer(encode, decode, x, mark, most=50):
    ...     given = {"X": x[None], "sequence_lens": np.array([len(x)], "int32")}
    ...     names = [output.name for output in encode.get_outputs()]
    ...     state = dict(zip(names, encode.run(None, given)))
    ...     state |= {"sequence_lens": given["sequence_lens"]}
    ...     names, tokens = [output.name for output in decode.get_outputs()], [mark]
    ...     while len(tokens) <= most:
    ...         token = np.array([tokens[-1]])
    ...         found = dict(zip(names, decode.run(None, {"token": token, **state})))
    ...         tokens.append(int(found["log_probabilities"][0, 1:].argmax()) + 1)
    ...         if tokens[-1] == mark:
    ...             break
    ...         state |= {name: found[f"next_{name}"] for name in state
    ...                   if f"next_{name}" in found}
    ...     return [token for token in tokens if token != mark]
    """
    refuse_clips(estimator)
    try:
        import onnx
        import skl2onnx  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"to_onnx requires onnx and skl2onnx: {error}. You can install them with "
            "`pip install 'sklstm[onnx]'`."
        ) from error
    from ._onnx_graph import Graph
    from ._onnx_network import (
        OfSequences,
        OfSteps,
        Stream,
        write_classifier,
        write_emissions,
        write_log_probabilities,
        write_network,
        write_regressor,
    )
    from ._onnx_steps import write_frame_stacker, write_time_distributed
    from ._onnx_tokens import write_decoder, write_encoder

    steps, end = _exportable(estimator)
    _check_part(end, part, stream)
    if stream:
        _check_stream(steps, end)
    target_opset = check_scalar(
        DEFAULT_OPSET if target_opset is None else target_opset,
        "target_opset",
        Integral,
        min_val=LEAST_OPSET,
        max_val=onnx.defs.onnx_opset_version(),
    )
    graph = Graph(int(target_opset))
    found, kind = fitted_of(end), type(end).__name__

    def model_of(graph):
        return graph.model(
            kind if name is None else name,
            f"{kind} of sklstm {__version__}",
            _properties(end, steps),
            producer="sklstm",
            version=__version__,
        )

    if isinstance(end, RecurrentLanguageModel):
        write_decoder(graph, found, "embedding")
        return model_of(graph)
    if part == "decoder":
        write_decoder(graph, found, "target_embedding", "decoder_")
        return model_of(graph)
    features = [features_of(step).n_sequence_features for step in (*steps, end)]
    x = graph.input("X", np.float32, ["batch", "time", features[0]])
    lengths = graph.input("sequence_lens", np.int32, ["batch"])
    given = graph.node("Transpose", x, perm=[1, 0, 2])
    lengths = graph.cast(lengths, np.int64)
    sequences = graph.sequences(graph.at_least_one(given), lengths)
    for k, (step, (_, n_features_out)) in enumerate(zip(steps, pairwise(features))):
        if isinstance(step, FrameStacker):
            sequences = write_frame_stacker(graph, step, sequences)
        else:
            sequences = write_time_distributed(
                graph, step, sequences, f"step{k}_", n_features_out
            )
    if part == "encoder":
        write_encoder(graph, found, sequences)
        return model_of(graph)
    states = Stream(graph) if stream else None
    read = write_network(graph, found, sequences, states)
    places = OfSequences(graph)
    if isinstance(end, StepEstimator):
        stacked = any(isinstance(step, FrameStacker) for step in steps)
        n_inputs = found.weights["head_weight"].shape[1]
        axis = "frames" if stacked else "time"
        places = OfSteps(graph, sequences, n_inputs, given, axis)
    write_head = write_classifier if has_labels(end) else write_regressor
    if found.target.head.get("crf"):
        write_head = write_emissions
    if isinstance(end, RecurrentTranscriber):
        write_head = write_log_probabilities
    write_head(graph, found, read, places)
    if stream:
        states.finish()
    return model_of(graph)


def _exportable(estimator):
    """The steps before the network and its estimator, all of them fitted."""
    if hasattr(estimator, "best_estimator_"):
        return _exportable(estimator.best_estimator_)
    if hasattr(estimator, "refit"):
        check_is_fitted(estimator)
    if hasattr(estimator, "multimetric_"):  # a fitted search, and no other estimator
        raise ValueError(
            f"{type(estimator).__name__} has no best_estimator_, because refit="
            f"{estimator.refit!r}. Search with refit=True, or fit the best and pass it."
        )
    if isinstance(estimator, Pipeline):
        inner, end = _exportable(estimator[-1])
        return [part for step in estimator[:-1] for part in _flat(step)] + inner, end
    if isinstance(estimator, (*SAY_TOKENS, RecurrentTranscriber)):
        check_is_fitted(estimator)
        return [], estimator
    refuse_clips(estimator)
    check_recurrent(
        estimator,
        "Only a recurrent estimator of sklstm, a Pipeline that ends in one and a "
        "search over these can be exported",
    )
    check_exchanged(estimator)
    check_is_fitted(estimator)
    return [], estimator


def _flat(step):
    """The transformers that a step of a Pipeline is made of."""
    if step is None or step == "passthrough":
        return []
    if isinstance(step, Pipeline):
        return [part for inner in step for part in _flat(inner)]
    if not isinstance(step, TimeDistributed | FrameStacker):
        raise TypeError(
            "Only TimeDistributed and FrameStacker can be exported as steps before the "
            f"network, got {step!r}. Apply it before the exported pipeline, or put it "
            "into TimeDistributed if it works on each step alone."
        )
    check_is_fitted(step)
    return [step]


def _check_part(end, part, stream):
    name = type(end).__name__
    if isinstance(end, RecurrentSeq2Seq):
        if part not in ("encoder", "decoder"):
            raise ValueError(
                f"{name} has two networks, part='encoder' and part='decoder', got "
                f"part={part!r}. Write both, and let a program read the one and then "
                "the other."
            )
    elif part is not None:
        raise ValueError(f"{name} has one network, got part={part!r}. Leave it out.")
    if stream and isinstance(end, SAY_TOKENS):
        raise ValueError(
            f"{name} is written as a step that takes the states before it and gives "
            "those behind it. Leave stream=False."
        )


def _check_stream(steps, end):
    if fitted_of(end).architecture["bidirectional"]:
        raise ValueError(
            "A bidirectional network cannot be streamed: one of its directions reads "
            "every sequence from its end, which is not there yet. Fit with "
            "bidirectional=False, or export with stream=False."
        )
    for step in steps:
        if isinstance(step, FrameStacker):
            raise ValueError(
                f"{step!r} cannot be streamed: it lays its frames from the end of a "
                "sequence, which is not there yet. Stack the steps before the exported "
                "pipeline, or export with stream=False."
            )


def _properties(end, steps):
    """What a program may want to know of the model, as strings."""
    properties = {"estimator": type(end).__name__, "sklstm_version": __version__}
    found = fitted_of(end)
    if has_labels(end) or isinstance(end, RecurrentTranscriber):
        properties["classes"] = json.dumps(found.target.classes.tolist())
    elif getattr(numbers_of(found.target), "loss_name", None) == "quantile":
        properties["quantile"] = json.dumps(numbers_of(found.target).loss_parameter)
    if found.vocabulary and all(isinstance(token, str) for token in found.vocabulary):
        properties["vocabulary"] = json.dumps(found.vocabulary)
    for column, categories in (found.categories or {}).items():
        if all(isinstance(category, str) for category in categories):
            properties[f"categories_{column}"] = json.dumps(categories)
    if isinstance(end, SAY_TOKENS):
        vocabulary = found.target.vocabulary
        key = "target_vocabulary"
        if isinstance(end, RecurrentLanguageModel):
            key = "vocabulary"
        if all(isinstance(token, str) for token in vocabulary.tokens):
            properties[key] = json.dumps(vocabulary.tokens)
        properties["mark"] = json.dumps(vocabulary.mark)
    first = features_of((*steps, end)[0])
    if first.feature_names_in is not None and first.fixed_n_steps is None:
        properties["feature_names"] = json.dumps(list(first.feature_names_in))
    return properties
