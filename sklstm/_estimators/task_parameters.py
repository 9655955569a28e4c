"""Parameters of the tasks, in groups: what a tagger, a forecaster and so on has.

They are declared as those of `parameters.py`, which all estimators share.
"""

from numbers import Integral, Real

import numpy as np

from .._sklearn.private import Interval, StrOptions
from .._targets import frames, numbers
from .parameters import (
    FLAG,
    NONE,
    SIZES,
    WIDTHS,
    Domain,
    Parameter,
    integer,
    number,
    options,
)  # fmt: skip

CLASS_WEIGHT = Domain(
    [dict, list, StrOptions({"balanced"}), None],
    'dict | list[dict] | Literal["balanced"] | None',
    'dict, "balanced" or None',
)
TAG_WEIGHT = Domain(
    [dict, StrOptions({"balanced"}), None],
    'dict | Literal["balanced"] | None',
    'dict, "balanced" or None',
)
CONSTRAINTS = options("auto")
CONSTRAINTS |= Domain(["array-like", set], "Sequence[tuple]", "list of pairs") | NONE
ANYTHING = Domain([object], "Any", "object")
LOSSES = options(*numbers.LOSSES)
FRAME_LOSSES = options(*frames.LOSSES)
FRAME_DTYPES = options("float32", "float64")
FRAME_DTYPES = Domain(
    [*FRAME_DTYPES.constraints, type, np.dtype], "DTypeLike", FRAME_DTYPES.words
)
COLUMN = Domain([Integral, str], "int | str", "int or str")
SOME_COLUMNS = Domain(["array-like"], "Sequence[int] | Sequence[str]", "list of these")
SCALINGS = options("mean", "std", "last")
LEVELS = number(0, 1, "neither")
LEVELS |= Domain(["array-like"], "Sequence[float]", "list of float")
WINDOW = integer() | options("auto")
SHARE = Domain([Interval(Real, 0, 0.5, closed="right")], "float", "float")
SHARE = options("auto") | SHARE
AUTO_WIDTHS = integer() | WIDTHS | options("auto") | NONE


class Tagging:
    """What a tagger has besides."""

    title = "Labels"

    bidirectional = Parameter(True, FLAG).means("""
        Whether each layer reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. The layer above, or the head, gets both side by side: 2 H inputs.
        """)

    crf = Parameter(True, FLAG).means("""
        Whether the labels of a sequence are those of a conditional random field on top
        of the network [Lafferty2001]_, [Lample2016]_: beside the emissions of each step
        it learns scores of transitions from a label to the next. The loss is that of
        whole paths, predictions are the best path (Viterbi), probabilities exact
        marginals. Without it every step is labelled for itself. Multilabel y has no
        paths: there it has no effect.
        """)

    constraints = Parameter("auto", CONSTRAINTS).means("""
        Which labels may follow each other with ``crf=True``; what is not allowed has no
        probability in training and is never predicted.

        - "auto": where the labels are tags of a scheme, IOB2 (BIO), BIOES, BILOU or
          BMES, and y obeys it, what that allows: in IOB2 "I-X" only after "B-X" or
          "I-X". Other labels may follow each other as they like;
        - a list of pairs (label, next label): all that are allowed;
        - None: everything is.
        """)

    class_weight = Parameter(None, TAG_WEIGHT).means("""
        Weights of the labels; they multiply the weights of the steps that have them.
        "balanced" gives every label the same total weight. With ``crf=True`` a sequence
        has the mean weight of its labelled steps, and steps of weight zero count as
        without label. Not for multilabel y.
        """)

    unlabeled = Parameter(None, ANYTHING).means("""
        What stands in y for a step without label, beside None: it has no loss and does
        not count in a score.
        """)


class Transcription:
    """What a transcriber has besides."""

    title = "Transcripts"

    infeasible = Parameter("error", options("error", "drop")).means("""
        What to do in a fit about a transcript that its sequence is too short for: a
        step is needed for each label, and one more between two equal ones. "error"
        names the sample, "drop" leaves such samples out, with a warning.
        """)

    beam_size = Parameter(1, integer()).means("""
        Transcripts that a search goes on with from step to step [Hannun2014]_. 1 takes
        the most probable output of each step. It can be set after :meth:`fit`.
        """)

    language_model = Parameter(None, ANYTHING | NONE).means("""
        What scores transcripts by their labels alone, in a search with `beam_size`
        above 1: the ranking is then by

        ``log p(y | x) + lm_weight * log p_lm(y) + insertion_bonus * len(y)``

        where ``log p_lm(y)`` is the sum over the labels and the end of a transcript.

        - a callable of the labels so far, a tuple, and the next label, or None for the
          end, that returns the natural logarithm of its probability;
        - a fitted :class:`LSTMLanguageModel` whose tokens are the labels;
        - a ``kenlm.Model`` whose words are the labels, a space being "<space>".

        It can be set after :meth:`fit`. What :func:`~sklearn.base.clone` cannot copy,
        or makes an unfitted copy of, goes into a
        :class:`~sklearn.frozen.FrozenEstimator`.
        """)

    lm_weight = Parameter(0.5, number(0)).means("""
        Weight of the logarithm of the probability that `language_model` gives. It can
        be set after :meth:`fit`.
        """)

    insertion_bonus = Parameter(0.0, number()).means("""
        What the ranking adds for each label, with `beam_size` above 1: above 0 it makes
        up for a language model, to which long transcripts are less probable. It can be
        set after :meth:`fit`.
        """)


class Classification:
    """What a classifier has besides."""

    title = "Classes"

    class_weight = Parameter(None, CLASS_WEIGHT).means("""
        Weights of the classes; they multiply the sample weights. "balanced" gives every
        class the same total weight.
        """)

    early_stopping = Parameter(False, FLAG).means("""
        Whether to set a part of the samples aside, to stop when the score on them (see
        `validation_scores_`) no longer improves, and to keep the weights that scored
        best, of equal accuracy those of the lowest loss. Training also goes on while
        the loss on them falls by `tol`: accuracy may not move for long where a class is
        rare. The split is stratified, except for multilabel targets. With `groups`
        passed to :meth:`fit`, whole groups are set aside, without stratification. Not
        for "lbfgs".
        """)


class Regression:
    """What a regressor has besides."""

    title = "Loss"

    loss = Parameter("squared_error", LOSSES).means("""
        What is minimised, as the mean over samples and outputs. Names and links are
        those of :class:`sklearn.ensemble.HistGradientBoostingRegressor`:

        - "squared_error": half the squared difference; predictions are means;
        - "absolute_error": the absolute difference; predictions are medians, which a
          few outliers hardly move;
        - "huber": half the squared difference up to `huber_delta`, linear beyond
          [Huber1964]_;
        - "poisson": half the Poisson deviance with a logarithmic link, for counts and
          rates; predictions are means, always positive. y must be zero or more, with a
          sum above zero;
        - "quantile": the pinball loss [Koenker1978]_; predictions are the quantiles of
          the levels `quantile`.
        """)

    quantile = Parameter(0.5, LEVELS).means("""
        Level of the quantile for ``loss="quantile"``, between 0 and 1. With a list one
        network predicts several quantiles, which never cross, and predictions have a
        last axis for them in the order of the list.
        """)

    huber_delta = Parameter(1.0, number(0, closed="neither")).means("""
        Where ``loss="huber"`` becomes linear, in robust standard deviations of y
        (interquartile range / 1.35, see Notes): the `delta` of ``torch.nn.HuberLoss``
        for standardised targets.
        """)


class Forecast:
    """What a forecaster has besides."""

    title = "Forecast"

    horizon = Parameter(1, integer()).means("""
        How many steps ahead: those behind the end of a series, or of a context.
        """)

    target = Parameter(0, COLUMN | SOME_COLUMNS).means("""
        What is forecast: a column of X by its index or its name, or a list of columns.
        NaN in them is a value that is not known: it has no loss.
        """)

    future_features = Parameter(None, SOME_COLUMNS | NONE).means("""
        Columns of X that are known ahead, such as the calendar, holidays or prices. The
        network sees them at the steps of the horizon, and :meth:`predict` is given them
        as `X_future`. All others are known up to the end of the context only.
        """)

    static_features = Parameter(None, SOME_COLUMNS | NONE).means("""
        Columns of X that do not change in a series: their last value holds for the
        horizon too, without `X_future`.
        """)

    loss = Parameter("absolute_error", LOSSES).means("""
        What is minimised, as the mean over the steps of the horizon, the targets and
        the windows, in units of the window (see `scale`). The losses are those of
        :class:`LSTMRegressor`: "absolute_error" forecasts medians, "squared_error"
        means. With `quantile` it is the pinball loss, whatever this is. "poisson" needs
        ``scale="mean"`` or None and no `seasonal_lag`.
        """)

    quantile = Parameter(None, LEVELS | NONE).means("""
        Level of a quantile to forecast, between 0 and 1, or a list of levels: then
        forecasts have a last axis for them, in the order of the list, along which they
        never cross. None forecasts one number, as `loss` says.
        """)

    scale = Parameter("std", SCALINGS | NONE).means("""
        Units in which the network sees the targets of a window, taken of its context
        alone, so that small and large series are alike. It is told beside how large the
        values are in these units. Forecasts come back in the units of X.

        - "mean": divided by the mean of the absolute values [Salinas2020]_;
        - "std": standardised by mean and standard deviation;
        - "last": the difference from the last value, divided by the mean absolute
          difference of a value from the one before;
        - None: no units of its own. As a feature it is standardised by the mean and
          standard deviation of all steps of the fit. For one long series, whose level
          tells.
        """)

    seasonal_lag = Parameter(None, integer() | NONE).means("""
        Steps of a season, 12 for months of years. The network then sees at each step
        also the value one season before, and forecasts the difference from the last
        value of the same season, which is the seasonal naive forecast.
        """)

    context_length = Parameter("auto", integer() | options("auto") | NONE).means("""
        Steps of a series, the last ones, that a forecast is made of; None for all of
        the past. "auto" is three seasons where there is a `seasonal_lag`, but at least
        a horizon, else three horizons, but at least 64 steps.
        """)

    windows_per_epoch = Parameter("auto", integer() | options("auto") | NONE).means("""
        Windows of an epoch, drawn anew for each: from every series about as many,
        spread over its time. "auto" is 512, but at least one of each series. None is
        all of them, and so is a number that there are not. A window is a context that
        ends anywhere in a series, and the horizon behind it.
        """)

    max_iter = Parameter("auto", integer() | options("auto")).means("""
        Epochs at the most, with "cosine" all that there are. With "lbfgs" iterations.
        "auto" is 100, but with "cosine" fewer: as many as make 2500 updates, or as see
        each step of the series 20 times in a horizon, and 10 at the least. Windows of
        a long series overlap, and more epochs learn it by heart.
        """)

    categorical_features = Parameter(None, SOME_COLUMNS | NONE).means("""
        Columns of X that are ids, such as those of shops or of weekdays, where others
        are numbers: their indices, their names or a mask. The network reads their rows
        side by side, and behind them the numbers. At the steps of the horizon a column
        that is not known ahead has row 0.
        """)

    early_stopping = Parameter(False, FLAG).means("""
        Whether to hold the last part of each series out, to stop when neither the score
        on it (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. Not for "lbfgs".
        """)

    validation_fraction = Parameter(0.1, number(0, 1, closed="neither")).means("""
        The part of each series, its last steps, that is held out with `early_stopping`,
        and at least a horizon; of a series that is too short nothing is. With `X_val`
        passed to :meth:`fit` it is the last horizon of those.
        """)


class Convolutional:
    """What the network is made of, where its states are images."""

    title = "Network"

    hidden_channels = Parameter((32, 32), integer() | SIZES).means("""
        Channels of the states of each layer: images of the height and the width of the
        frames, or of their patches (see `patch_size`). Several layers are stacked: each
        reads the hidden states of the one below.
        """)

    kernel_size = Parameter(3, integer()).means("""
        Pixels on a side of the square around a pixel that a convolution reads, of the
        frame or of the layer below and of the states before; outside of a frame there
        are zeros. It bounds how far things can move from a frame to the next: 3 is a
        pixel, or a patch, 5 is two. Stacked layers see further.
        """)

    patch_size = Parameter(1, integer()).means("""
        Pixels on a side of the patches that frames are cut into [Shi2015]_: the p x p
        pixels of a patch are one pixel of p * p times as many channels. States are then
        so much smaller, and a layer takes about ``1 / p**2`` of the time and of the
        memory. Height and width have to be multiples of it.
        """)

    dropout = Parameter(0.0, number(0, 1)).means("""
        Share of what each layer hands on to the next, or to the head, that is set to
        zero in training [Srivastava2014]_: at random for every frame and pixel. The
        rest is divided by ``1 - dropout``; predictions drop nothing.
        """)

    forget_bias = Parameter(1.0, number(closed="neither") | options("chrono")).means("""
        Where the bias of the forget gate starts [Gers2000]_, [Jozefowicz2015]_.
        "chrono" spreads the channels over memories of 1 to as many frames as the
        longest training clip has [Tallec2018]_.
        """)

    peephole = Parameter(False, FLAG).means("""
        Whether the gates also see the cell state: input and forget gate the one before,
        the output gate the new one [Gers2000b]_. Each channel has its weights, the same
        ones at every pixel, so that frames may be of any size; [Shi2015]_ has others at
        each pixel.
        """)


class OfClips:
    """What is said otherwise of those that read clips."""

    title = "Data"

    batch_size = Parameter("auto", integer() | options("auto")).means("""
        Clips in a minibatch, or windows of clips, at the most all of them. "auto" is 8,
        but up to 32 are not divided; fewer, where these need more than a gigabyte.
        """)

    dtype = Parameter("float32", FRAME_DTYPES).means("""
        Precision of the network. Of X a minibatch is converted to it, and no more.
        """)


class FrameForecast:
    """What a forecaster of frames has besides."""

    title = "Forecast"

    horizon = Parameter(10, integer()).means("""
        How many frames ahead: those behind the end of a clip, or of a context.
        """)

    loss = Parameter("squared_error", FRAME_LOSSES).means("""
        What is minimised, as the mean over the pixels and channels of the horizon that
        have a number, and over the windows:

        - "squared_error": half the squared difference, in units of the channel (see
          Notes); forecasts are means;
        - "absolute_error": the absolute difference, in these units; forecasts are
          medians, which are sharper than means, and dry where rain is less likely than
          none;
        - "binary_cross_entropy": for frames from 0 to 1, of which forecasts are
          probabilities [Shi2015]_. Frames of other values are refused.
        """)

    context_length = Parameter(None, integer() | NONE).means("""
        Frames of a clip, the last ones, that a forecast is made of; None for all of
        them. The time and the memory of a minibatch grow with it: for clips of hundreds
        of frames set it to some horizons.
        """)

    windows_per_epoch = Parameter("auto", integer() | options("auto") | NONE).means("""
        Windows of an epoch, drawn anew for each: from every clip about as many, spread
        over its time. "auto" is 512. None is all of them, and so is a number that there
        are not. A window is a context that ends at any frame of a clip, and the horizon
        behind it.
        """)

    max_iter = Parameter("auto", integer() | options("auto")).means("""
        Epochs at the most, with "cosine" all that there are. With "lbfgs" iterations.
        "auto" is 100, but with "cosine" fewer: as many as make 2500 updates, or as see
        each frame of the clips 20 times in a horizon, and 10 at the least.
        """)

    early_stopping = Parameter(False, FLAG).means("""
        Whether to hold the last part of each clip out, to stop when neither the score
        on it (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. Where no clip is long enough for that, whole clips are held
        out. Not for "lbfgs".
        """)

    validation_fraction = Parameter(0.1, number(0, 1, closed="neither")).means("""
        The part of each clip, its last frames, that is held out with `early_stopping`,
        and at least a horizon; where no clip has a window before that, the part of the
        clips. With `X_val` passed to :meth:`fit` it is the last horizon of those.
        """)


class Anomalies:
    """What a detector of anomalies has besides."""

    title = "Anomaly scores"

    hidden_layer_sizes = Parameter((64,), integer() | SIZES).means("""
        Hidden units of each layer. Several layers are stacked: each reads the hidden
        states of the one below. With ``method="reconstruction"`` the encoder has these
        layers, and the decoder the same in the other order.
        """)

    dropout = Parameter(0.0, number(0, 1)).means("""
        Share of what each layer hands on to the next, or to the head, that is set to
        zero in training [Srivastava2014]_: at random for every step. The rest is
        divided by ``1 - dropout``; scores drop nothing.
        """)

    alpha = Parameter(0.0, number(0)).means("""
        Strength of the L2 penalty on the weights, not the biases. For "adamw" the rate
        of decay; for the other solvers a term ``alpha / 2 * |W|**2`` in the loss,
        divided by the windows of the minibatch times the mean weight of all (with
        "lbfgs" by the weight of all).
        """)

    batch_size = Parameter("auto", integer() | options("auto")).means("""
        Windows in a minibatch, at the most all of them. "auto" is a sixteenth of them,
        but 8 to 32; up to 32 windows are not divided.
        """)

    early_stopping = Parameter(False, FLAG).means("""
        Whether to stop when the loss on what is held out no longer improves, and to
        keep the weights of the lowest. Not for "lbfgs".
        """)

    method = Parameter("prediction", options("prediction", "reconstruction")).means("""
        What the network has to do with a sequence, at whose errors the scores look:

        - "prediction": predict the next steps from those so far [Malhotra2015]_. A
          score needs one step before it, and no more work than a step of the network;
        - "reconstruction": give back the window of steps that ends with the one that is
          scored, through the last state of an encoder, which a decoder reads
          [Malhotra2016]_. Each score takes two passes over a window.
        """)

    window = Parameter("auto", WINDOW).means("""
        Steps of a window. For "prediction" training cuts longer sequences into parts of
        so many steps, and scores know all steps so far whatever it is. For
        "reconstruction" it is what is given back, and the first ``window - 1`` steps of
        a sequence have no score. "auto" is 100, for "reconstruction" no more than the
        shortest sequence of 10 steps or more has.
        """)

    n_ahead = Parameter(1, integer()).means("""
        How many of the next steps "prediction" predicts at each. A step then has as
        many errors as there were predictions of it.
        """)

    covariance = Parameter("full", options("full", "diagonal")).means("""
        Which errors are normal: "full" knows how those of features, and those of
        predictions from further back, go together; "diagonal" takes each for itself.
        """)

    aggregate = Parameter("mean", options("mean", "worst")).means("""
        The score of a sequence: the mean over its steps, or that of its most unusual
        one.
        """)

    contamination = Parameter("auto", SHARE).means("""
        The share of what is held out that is flagged, of its sequences and of its
        steps, which places `offset_` and `step_offset_`. "auto" flags one in a hundred
        of the sequences and one in a thousand of the steps; where less than half a
        sequence or step would be left, it goes by a normal distribution of the cube
        roots [Wilson1931]_ of the distances, with their median and interquartile range.
        """)

    validation_fraction = Parameter(0.2, number(0, 1, closed="neither")).means("""
        The part of X that is not trained on, where the distribution of the errors and
        the thresholds come from, and the score of `early_stopping`. These are whole
        sequences (with `groups` whole groups) where that makes two at the least, and
        else the ends of all sequences. `X_val` takes its place.
        """)


class WholeClip:
    """What a network has besides that gives one answer for a clip."""

    title = "Network"

    hidden_channels = Parameter((32,), integer() | SIZES).means("""
        Channels of the hidden states of each layer, which are images of the height and
        the width of the frames, or of their patches (see `patch_size`), with
        ``bidirectional=True`` of each direction. Several layers are stacked: each reads
        the hidden states of the one below.
        """)

    bidirectional = Parameter(False, FLAG).means("""
        Whether each layer reads the clips in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H channels, one of which begins at each clip's
        own end. The layer above, or the head, gets both side by side: 2 H channels.
        """)

    patch_size = Parameter(1, integer() | SIZES).means("""
        Pixels on a side of the patches that frames are cut into: those of a patch are
        channels of one pixel then, which is less work and sees further. A tuple has one
        for each layer, which says how the hidden states of the layer below are cut: (1,
        2, 2) halves height and width twice. Their product has to divide both.
        """)

    pooling = Parameter("last", options("last", "mean", "max", "attention")).means("""
        What the head reads of the uppermost layer, after `space_pooling`:

        - "last": the hidden state after the last frame, of each direction its own;
        - "mean", "max": the mean or maximum of each channel over the frames of the
          clip;
        - "attention": the mean of the hidden states h_t with weights
          ``softmax(w @ tanh(h_t))`` over the frames, with w learnt [Zhou2016]_.
        """)

    space_pooling = Parameter("mean", options("mean", "max")).means("""
        What is made of the pixels of a channel of the uppermost layer: their mean, how
        much there is of something, or their maximum, whether it is anywhere.
        """)

    dropout = Parameter(0.0, number(0, 1)).means("""
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every frame and pixel to the layer above, after
        `pooling` to the head. The rest is divided by ``1 - dropout``; predictions drop
        nothing.
        """)


class ClipReading:
    """How clips are read that have one answer each."""

    title = "Data"

    max_iter = Parameter("auto", integer() | options("auto")).means("""
        Epochs at the most, with "cosine" all that there are: passes over the clips.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" fewer for more than 200 clips: as many as make 2500 updates, and 10 at
        the least.
        """)

    missing = Parameter("error", options("error", "ffill")).means("""
        What to do about missing pixels, which are the NaN in X:

        - "error": refuse them;
        - "ffill": take what the pixel had last before in the clip. Before the first,
          take the mean of the channel over all pixels of the fit; fits that continue
          keep the mean of the first.
        """)


class LanguageModeling:
    """What a language model has besides."""

    title = "Language model"

    level = Parameter("word", options("word", "char")).means("""
        What the tokens of a text are: words and punctuation, as TokenEncoder finds
        them, but in their case, or characters. Documents that are lists hold their
        tokens already.
        """)

    min_count = Parameter("auto", integer() | options("auto")).means("""
        How often a token has to be in X to be one of the vocabulary. What is rarer is
        "<unk>", the unknown token, and so learnt. "auto" is 2 for words, also of
        documents that are lists, and 1 for characters.
        """)

    max_tokens = Parameter(None, integer() | NONE).means("""
        How many tokens the vocabulary has at most, the most frequent ones, beside
        "<unk>".
        """)

    embedding_dim = Parameter(64, integer()).means("""
        Length of the row of numbers that stands for each token [Bengio2003]_; it is
        trained with the network, which reads it.
        """)

    tie_weights = Parameter(False, FLAG).means("""
        Whether the rows of the tokens are the weights of the head too [Press2017]_: as
        many parameters less, and often a better model. `embedding_dim` has to be the
        size of the last layer. `alpha` then reaches them, as weights of the head, and
        each update all of them.
        """)

    contiguous = Parameter(False, FLAG).means("""
        Whether all documents are one text, in their order [Mikolov2010]_. In training
        it is cut into `batch_size` streams that are read side by side, whose states go
        on from each segment of `tbptt` steps to the next, also from a document into the
        one after it, and begin at zero in each epoch. In :meth:`score` and
        :meth:`perplexity` the state goes on through all of X. False begins each
        document anew. It may be set after a fit, for these two.
        """)

    tbptt = Parameter(64, integer() | NONE).means("""
        Truncated back-propagation through time [Williams1990]_: documents, or streams,
        are read in segments of so many steps. Each is an update of the weights, and
        begins with the states that the one before has ended with, to which gradients
        do not go back. Of a minibatch the documents that have ended are not in later
        segments. `recurrent_dropout` drops other units in each. None reads documents as
        a whole.
        """)

    batch_size = Parameter("auto", integer() | options("auto")).means("""
        Documents in a minibatch, at the most all of them; with ``contiguous=True``
        streams, at the most as many as the text has segments. "auto" is a sixteenth of
        the documents, or of the segments, up to 32.
        """)

    shuffle = Parameter(True, FLAG).means("""
        Whether to take the documents in another order in each epoch. No effect with
        ``contiguous=True``.
        """)

    max_iter = Parameter("auto", integer() | options("auto")).means("""
        Epochs at the most, with "cosine" all that there are: passes over the documents.
        With "lbfgs" iterations, each of one or more passes. "auto" is 100, but with
        "cosine" as many as make 2500 updates, and 10 at the least.
        """)

    early_stopping = Parameter(False, FLAG).means("""
        Whether to set a part of the documents aside, to stop when neither the score on
        them (see `validation_scores_`) nor the loss improves, and to keep the weights
        that scored best. With ``contiguous=True`` it is the last part of the text. With
        `groups` passed to :meth:`fit`, whole groups are set aside. Not for "lbfgs".
        """)

    validation_fraction = Parameter(0.1, number(0, 1, closed="neither")).means("""
        The part set aside, unless `X_val` is passed to :meth:`fit`: of the documents,
        with `groups` of the groups, with ``contiguous=True`` of the segments.
        """)


class Answering:
    """What an encoder-decoder has besides."""

    title = "Answers"

    bidirectional = Parameter(True, FLAG).means("""
        Whether the encoder reads the sequences in both directions [Schuster1997]_,
        [Graves2005]_: two networks of H units, one of which begins at each sequence's
        own end. What the decoder begins with, and reads by attention, is made of both.
        The decoder itself goes in one direction, with layers of the same sizes.
        """)

    dropout = Parameter(0.0, number(0, 1)).means("""
        Share of what each layer hands on that is set to zero in training
        [Srivastava2014]_: at random for every step, in encoder and decoder alike, to
        the layer above and to the head, and of the rows of tokens. The rest is divided
        by ``1 - dropout``; predictions drop nothing.
        """)

    embedding_dim = Parameter("auto", AUTO_WIDTHS).means("""
        Length of the row of numbers that stands for each id of X [Bengio2003]_, of
        which the encoder reads the rows. "auto" is 64 where X is text, tokens or ids of
        a vocabulary, or where `categorical_features` or `embedding_weights` say that it
        holds ids; else X is read as numbers, as it is with None. Row 0 stands for what
        is not known. For more see :class:`LSTMClassifier`, whose parameters of this
        kind are the same.
        """)

    target_embedding_dim = Parameter(None, integer() | NONE).means("""
        Length of the rows of the tokens of y, which the decoder reads. None is as long
        as those of X, and 64 where X has none or several kinds.
        """)

    attention = Parameter(
        "general", options("dot", "general", "additive") | NONE
    ).means("""
        How the decoder looks back at the sequence. At each of its steps, of the hidden
        state h, it reads the mean of the outputs s_j of the encoder with weights that
        are a softmax of scores over the steps j:

        - "dot": ``s_j @ h`` [Luong2015]_, for a `bidirectional` of False, where both
          have H units;
        - "general": ``s_j @ W @ h`` [Luong2015]_;
        - "additive": ``v @ tanh(W @ h + U @ s_j)`` [Bahdanau2015]_;
        - None: it does not. All it knows of the sequence is where it begins
          [Sutskever2014]_.
        """)

    level = Parameter("char", options("char", "word")).means("""
        What the tokens of a text are, of X and of y: its characters, or its words and
        punctuation as :class:`~sklstm.preprocessing.TokenEncoder` finds them, but in
        the case they have. Lists of tokens are taken as they are.
        """)

    min_count = Parameter("auto", integer() | options("auto")).means("""
        How often a token has to be in the training data, of X or of y, to be one of the
        vocabulary: what is rarer is not known, as all that other data may have. "auto"
        is 2 with ``level="word"`` and else 1. An X that is ids of a vocabulary brings
        its own.
        """)

    warm_start = Parameter(False, FLAG).means("""
        Whether :meth:`fit` goes on from the last fit, optimizer and vocabularies
        included, instead of starting anew: tokens that it has not seen are unknown.
        "lbfgs" goes on from the weights alone. With `early_stopping` what was trained
        on is not validated on later, nor the other way round: the same samples are set
        aside again, also among other ones.
        """)

    beam_size = Parameter(5, integer()).means("""
        Hypotheses of a sequence that are followed side by side; 1 takes the best token
        at each step. Can be set after :meth:`fit`, as can `length_penalty` and
        `max_length`.
        """)

    length_penalty = Parameter(0.0, number(closed="neither")).means("""
        What is best of the hypotheses that have ended: the one of the largest
        ``log_probability / (n_tokens + 1) ** length_penalty``, the end counted as one
        token. 0 is the most probable, 1 that of the largest mean per token; more
        prefers longer ones.
        """)

    max_length = Parameter("auto", integer() | options("auto")).means("""
        Tokens of an answer at the most: one of so many ends. "auto" is twice those of
        the longest answer of the training data and, for a sequence longer than all of
        these, as much more as it is longer.
        """)
