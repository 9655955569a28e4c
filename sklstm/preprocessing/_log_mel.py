"""LogMel: sound becomes frames of the logarithm of its power in mel bands."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Literal

import numpy as np
from scipy.signal import get_window
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from .._sklearn.callbacks import CallbackSupport, fit_task, with_callbacks
from .._sklearn.persistence import Versioned
from .._sklearn.private import (
    Documented,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from .._sklearn.set_output import SetOutputMixin, output_of
from .._typing import ArrayLike, Estimator, SequencesLike
from ..sequences import SequenceArray, check_sequences
from ..sequences._array import keys_of
from ..sequences._stacking import as_offsets, place_of, rows_of_parts

# (silence, full scale) of samples as WAV files have them; other numbers are (0, 1).
SCALES = {"uint8": (128, 2**7), "int16": (0, 2**15), "int32": (0, 2**31)}
# Samples of frames that are transformed at once.
BLOCK = 2**19
# The longest transform that n_fft=None takes, and the longest time in seconds.
LONGEST_FFT = 2**16
LONGEST = 10


class LogMel(
    CallbackSupport,
    SetOutputMixin,
    Documented,
    Versioned,
    TransformerMixin,
    BaseEstimator,
    auto_wrap_output_keys=None,
):
    """Turn sound into frames: the logarithm of its power in bands of pitch.

    Every ``hop_length`` a window of ``win_length`` is cut out of the sound, and what it
    holds in each of ``n_mels`` bands becomes one feature of one step. The bands are as
    wide as the ear tells pitches apart: equally spaced on the mel scale. So a second of
    speech is a sequence of 100 steps and 40 features, in the place of 16,000 numbers.

    The parameters have the names that librosa gives them, and the frames are those of
    ``librosa.feature.melspectrogram``, as logarithms.

    Parameters
    ----------
    sample_rate : float, default=16000
        Samples per second, which librosa calls ``sr``.

    n_mels : int, default=40
        Number of bands, the features of a frame.

    win_length : int or float, default=0.025
        Length of the window: a float is in seconds, an int in samples.

    hop_length : int or float, default=0.01
        From the middle of one window to that of the next: a float is in seconds, an
        int in samples.

    n_fft : int or float, default=None
        Length of the transform, in which the window stands in the middle of zeros. None
        is the least power of two in which the window has room and no band is without a
        frequency.

    window : str, float or tuple, default="hann"
        Shape of the window, as :func:`scipy.signal.get_window` knows it.

    center : bool, default=True
        Which windows are taken of a sound of n samples:

        - True: frame t has its middle at sample t * ``hop_length``, and beyond both
          ends of the sound there is silence. There are 1 + n // ``hop_length`` frames,
          so one at least; of a sound of no samples there is none.
        - False: the windows that lie within the sound, the first one at its beginning.
          There are 1 + (n - ``win_length``) // ``hop_length``, and none of a sound that
          is shorter than a window.

    fmin : float, default=0.0
        Where the lowest band begins, in Hz.

    fmax : float, default=None
        Where the highest band ends, in Hz. None is half of ``sample_rate``.

    htk : bool, default=False
        The formula of the mel scale: Slaney's [1]_, or with True that of HTK [2]_. See
        Notes.

    norm : {"slaney", None}, default="slaney"
        With "slaney" the triangles of all bands have the area 1 Hz, with None they have
        the height 1. In logarithms that is a constant for each band.

    preemphasis : float, default=0.0
        With a coefficient a, mostly 0.97, sample x[t] becomes x[t] - a x[t - 1] first,
        which raises high frequencies; x[-1] is 0.

    amin : float, default=1e-10
        The least power. What is less, such as silence, is taken for this.

    full_scale : "auto" or float, default="auto"
        What samples are divided by. With "auto" samples of type int16, int32 and uint8
        are read as in WAV files, so that they are from -1 to 1, and other numbers are
        taken as they are.

    Attributes
    ----------
    win_length_, hop_length_, n_fft_ : int
        Lengths in samples.

    filter_bank_ : ndarray of shape (n_mels, n_frequencies)
        The weight of each of the ``n_fft_ // 2 + 1`` frequencies of the transform in
        each band.

    frequencies_ : ndarray of shape (n_mels,)
        Where each band has its peak, in Hz.

    See Also
    --------
    FrameStacker : Makes fewer, wider steps of frames.
    sklstm.SequenceArray : What sounds become.

    Notes
    -----
    A frequency of f Hz is on Slaney's scale f / (200 / 3) mel up to 1000 Hz, and
    15 + 27 ln(f / 1000) / ln(6.4) above; on that of HTK 2595 lg(1 + f / 700). Bands are
    triangles whose corners are the peaks of their neighbours: n_mels + 2 points from
    ``fmin`` to ``fmax`` at equal distances on that scale.

    Frame t holds ln max(B p, amin), where B is ``filter_bank_``, and p the square of
    the absolute value of the Fourier transform of window times samples.

    A frame has the same bits whatever other frames and sounds are transformed with it.
    Nothing is learned from the sounds that :meth:`fit` sees. Before a network the
    features are best scaled: ``TimeDistributed(StandardScaler())``.

    Samples of a SequenceArray are floats. If it was made of integers, their type is not
    known any more: pass ``full_scale``.

    References
    ----------
    .. [1] M. Slaney (1998). "Auditory Toolbox, version 2". Technical report 1998-010,
       Interval Research Corporation.

    .. [2] S. Young and others (2006). "The HTK Book". Cambridge University.

    .. [3] B. McFee and others (2015). "librosa: Audio and music signal analysis in
       Python". Proceedings of the 14th Python in Science Conference, 18-24.

    Examples
    --------
    Half a second and a second, of 440 Hz and of 1000 Hz:

    >>> import numpy as np
    >>> from sklstm.preprocessing import LogMel
    >>> sounds = [
    ...     np.sin(2 * np.pi * 440 * np.arange(4000) / 8000),
    ...     np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000),
    ... ]
    >>> mel = LogMel(sample_rate=8000, n_mels=20)
    >>> frames = mel.fit_transform(sounds)
    >>> frames
    <SequenceArray: 2 sequences, 51 to 101 steps, 20 features, float64>
    >>> loudest = [frame[25].argmax() for frame in frames]
    >>> mel.frequencies_[loudest].round()
    array([ 447., 1005.])
    """

    __module__ = "sklstm.preprocessing"  # the place that pickles name

    def __init__(
        self,
        sample_rate: float = 16_000,
        *,
        n_mels: int = 40,
        win_length: float = 0.025,
        hop_length: float = 0.01,
        n_fft: float | None = None,
        window: str | float | tuple = "hann",
        center: bool = True,
        fmin: float = 0.0,
        fmax: float | None = None,
        htk: bool = False,
        norm: Literal["slaney"] | None = "slaney",
        preemphasis: float = 0.0,
        amin: float = 1e-10,
        full_scale: Literal["auto"] | float = "auto",
    ) -> None:
        self.sample_rate = sample_rate
        self.n_mels = n_mels
        self.win_length = win_length
        self.hop_length = hop_length
        self.n_fft = n_fft
        self.window = window
        self.center = center
        self.fmin = fmin
        self.fmax = fmax
        self.htk = htk
        self.norm = norm
        self.preemphasis = preemphasis
        self.amin = amin
        self.full_scale = full_scale

    def fit(self: Estimator, X: SequencesLike, y: None = None) -> Estimator:
        """Check the parameters and lay out the bands.

        Parameters
        ----------
        X : array-like of sequences
            Sounds of one channel, in any form that
            :func:`~sklstm.sequences.check_sequences` accepts: a list of arrays of
            samples, an array of shape (n, T), a SequenceArray of one feature.

        y : None
            Ignored.

        Returns
        -------
        self : LogMel
            The same object.

        Raises
        ------
        TypeError
            If X is of a type that cannot hold sounds.

        ValueError
            If a parameter is out of its range, lengths or frequencies do not fit to
            each other, or X is not valid: of several channels, with missing or infinite
            samples, or with ids of tokens.
        """
        self._commit(X, y)
        return self

    # It learns nothing but how many features there are.
    _stateless = True

    @with_callbacks
    def _fit(self, X, y):
        self._check_parameters()
        sounds = _read(X)
        with fit_task(self, X=sounds, y=y):
            self.win_length_ = self._in_samples("win_length")
            self.hop_length_ = self._in_samples("hop_length")
            self._window()
            edges = self._edges()
            self.n_fft_ = self._length_of_transform(edges)
            self.filter_bank_ = _triangles(
                edges, self.n_fft_, self.sample_rate, self.norm
            )
            self.frequencies_ = edges[1:-1]

    def transform(self, X: SequencesLike) -> SequenceArray:
        """Make frames of sounds.

        Parameters
        ----------
        X : array-like of sequences
            See :meth:`fit`.

        Returns
        -------
        X_new : SequenceArray of shape (n, None, n_mels)
            The frames; float32 if the samples are, else float64. With
            ``set_output(transform="pandas")`` or "polars" it has the names of
            :meth:`get_feature_names_out`.

        Raises
        ------
        TypeError, ValueError
            If X is not valid; see :meth:`fit`.

        ValueError
            If samples are so large that their power is no number.

        MemoryError
            If the frames take more memory than there is.
        """
        check_is_fitted(self)
        sounds = _read(X)
        counts = self._count(sounds.lengths)
        offsets = as_offsets(counts)
        shape = int(offsets[-1]), len(self.filter_bank_)
        try:
            frames = np.empty(shape, sounds.dtype)
        except MemoryError as error:
            raise MemoryError(
                f"hop_length={self.hop_length!r} makes {shape[0]} frames of {shape[1]} "
                f"bands: {error}. Use a longer hop or fewer bands."
            ) from error
        self._fill(frames, sounds, self._scales(X, len(sounds)), counts, offsets)
        names = None
        if output_of(self) != "default":
            names = tuple(self.get_feature_names_out())
        keys = keys_of(X, stepwise=False)
        return SequenceArray._trusted(frames, offsets, names, **keys)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> np.ndarray:
        """Return the names of the output features.

        Parameters
        ----------
        input_features : None
            Ignored: samples have no names.

        Returns
        -------
        names : ndarray of str, shape (n_mels,)
            The names ``mel0``, ``mel1``..., from the lowest band to the highest.
        """
        check_is_fitted(self)
        return np.array([f"mel{m}" for m in range(len(self.filter_bank_))], object)

    # ---- parameters ------------------------------------------------------------------

    def _check_parameters(self):
        name = type(self).__name__
        for parameter, value in self.get_params(deep=False).items():
            if parameter not in ("center", "htk") and isinstance(
                value, (bool, np.bool_)
            ):
                raise ValueError(
                    f"The {parameter!r} parameter of {name} must not be a bool, got "
                    f"{value!r}."
                )
        length = [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, LONGEST, closed="right"),
        ]
        positive = Interval(Real, 0, None, closed="neither")
        validate_parameter_constraints(
            {
                "sample_rate": [positive],
                "n_mels": [Interval(Integral, 1, None, closed="left")],
                "win_length": length,
                "hop_length": length,
                "n_fft": [*length, None],
                "window": [str, Real, tuple],
                "center": ["boolean"],
                "fmin": [Interval(Real, 0, None, closed="left")],
                "fmax": [positive, None],
                "htk": ["boolean"],
                "norm": [StrOptions({"slaney"}), None],
                "preemphasis": [Interval(Real, 0, 1, closed="both")],
                "amin": [positive],
                "full_scale": [StrOptions({"auto"}), positive],
            },
            self.get_params(deep=False),
            caller_name=name,
        )
        nyquist = self.sample_rate / 2
        fmax = nyquist if self.fmax is None else self.fmax
        if fmax > nyquist:
            raise ValueError(
                f"fmax={self.fmax!r} is more than half of sample_rate="
                f"{self.sample_rate!r}, the highest frequency that sound of this rate "
                "has. Use fmax=None, or pass the rate that the sound has."
            )
        if self.fmin >= fmax:
            raise ValueError(
                f"fmin={self.fmin!r} must be less than fmax, which is {fmax:g} Hz."
            )

    def _in_samples(self, parameter):
        """A length as a number of samples, given so or in seconds."""
        value = getattr(self, parameter)
        if isinstance(value, Integral):
            return int(value)
        length = round(float(value) * float(self.sample_rate))
        if length < 1:
            raise ValueError(
                f"{parameter}={value!r} seconds is less than a sample at sample_rate="
                f"{self.sample_rate!r}. Use more, or an int for a number of samples."
            )
        return length

    def _window(self):
        """The weights of a window's samples, (win_length_,)."""
        try:
            return get_window(self.window, self.win_length_, fftbins=True)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"window={self.window!r} is none that scipy.signal.get_window knows: "
                f"{error}"
            ) from error

    def _edges(self):
        """Where the bands begin, have their peaks and end, in Hz: (n_mels + 2,)."""
        fmax = self.sample_rate / 2 if self.fmax is None else self.fmax
        low, high = (hz_to_mel(f, self.htk) for f in (self.fmin, fmax))
        return mel_to_hz(np.linspace(low, high, self.n_mels + 2), self.htk)

    def _length_of_transform(self, edges):
        """The length asked for, or the least power of two that suits."""
        win = self.win_length_
        if self.n_fft is not None:
            n_fft = self._in_samples("n_fft")
            if n_fft < win:
                raise ValueError(
                    f"n_fft={self.n_fft!r} is {n_fft} samples, in which a window of "
                    f"{win} has no room (win_length={self.win_length!r}). Use n_fft of "
                    f"at least {win}, or None."
                )
            empty = _first_empty(edges, n_fft, self.sample_rate)
            if empty is not None:
                raise ValueError(
                    f"n_fft={self.n_fft!r} has no frequency in band {empty} of n_mels="
                    f"{self.n_mels}, from {edges[empty]:.5g} to {edges[empty + 2]:.5g} "
                    "Hz. Use fewer bands, a larger n_fft, or None."
                )
            return n_fft
        n_fft = 1 << (win - 1).bit_length()
        while (empty := _first_empty(edges, n_fft, self.sample_rate)) is not None:
            n_fft *= 2
            if n_fft > max(LONGEST_FFT, win):
                raise ValueError(
                    f"n_mels={self.n_mels} makes bands as narrow as from "
                    f"{edges[empty]:.5g} to {edges[empty + 2]:.5g} Hz, which a "
                    f"transform of {n_fft // 2} samples does not tell apart. Use fewer "
                    "bands or a wider range of fmin and fmax."
                )
        return n_fft

    # ---- frames ----------------------------------------------------------------------

    def _count(self, lengths):
        """How many frames sounds of these lengths have."""
        if self.center:
            return np.where(lengths > 0, 1 + lengths // self.hop_length_, 0)
        win = self.win_length_
        return np.where(lengths >= win, 1 + (lengths - win) // self.hop_length_, 0)

    def _scales(self, X, n):
        """What is silence and full scale of each sound, (n, 2)."""
        if self.full_scale != "auto":
            return np.tile((0.0, float(self.full_scale)), (n, 1))
        kinds = _types_of_samples(X, n)
        return np.array([SCALES.get(kind, (0, 1)) for kind in kinds], float)

    def _fill(self, frames, sounds, scales, counts, offsets):
        """Write the frames of all sounds, some at a time."""
        win, hop, n_fft = self.win_length_, self.hop_length_, self.n_fft_
        # librosa centres the window in the transform and the transform at its sample
        lead = n_fft // 2 - (n_fft - win) // 2 if self.center else 0
        starts = sounds._offsets[:-1]
        weights = self._window()
        bands = csr_array(self.filter_bank_)
        where, _ = rows_of_parts(np.zeros_like(counts), counts)
        first = np.repeat(starts, counts) + where * hop - lead  # of each window
        sound = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(win)
        n_frames = max(1, BLOCK // n_fft)
        for begin in range(0, len(frames), n_frames):
            block = slice(begin, begin + n_frames)
            rows = first[block, np.newaxis] + within
            samples = self._samples(sounds, scales, rows, sound[block])
            with np.errstate(over="ignore", invalid="ignore"):
                spectrum = np.fft.rfft(samples * weights, n_fft)
                power = spectrum.real**2 + spectrum.imag**2
                # band by band, each frame by itself: no bits depend on their number
                in_bands = (bands @ power.T).T
            loud = ~np.isfinite(in_bands).all(axis=1)
            if loud.any():
                i, _ = place_of(begin + int(np.argmax(loud)), offsets)
                most = np.abs(sounds[i]).max()
                raise ValueError(
                    f"Sample {i} holds values of up to {most:.3g}, whose power is too "
                    "large a number. Scale the sound to -1 to 1, or pass full_scale."
                )
            in_bands = np.ascontiguousarray(in_bands)
            frames[block] = np.log(np.maximum(in_bands, float(self.amin)))

    def _samples(self, sounds, scales, rows, sound):
        """Scaled samples at these rows of each frame's sound, zero beyond its ends."""
        offsets, data = sounds._offsets, sounds._data[:, 0]
        low, high = offsets[sound, np.newaxis], offsets[sound + 1, np.newaxis]
        silence, scale = scales[sound].T[:, :, np.newaxis]

        def at(rows, inside):
            values = (data[np.where(inside, rows, low)] - silence) / scale
            return np.where(inside, values, 0.0)

        inside = (rows >= low) & (rows < high)
        samples = at(rows, inside)
        if self.preemphasis != 0:
            before = at(rows - 1, inside & (rows > low))
            samples -= float(self.preemphasis) * before
        return samples

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # rows are sounds, columns no features
        return tags


def _read(X):
    """Sounds as a SequenceArray of one feature."""
    if isinstance(X, SequenceArray) and X.vocabulary is not None:
        raise ValueError(
            "X holds ids of tokens, with a vocabulary. Sound is sequences of samples."
        )
    sounds = check_sequences(X)
    if sounds.n_features != 1:
        shape = sounds[0].shape
        raise ValueError(
            f"Sample 0 of X has shape {shape}, which is read as {shape[1]} channels of "
            f"{shape[0]} samples, but sound must have one channel. Pass the mean of "
            "them or one of them: x.mean(axis=1), or x.mean(axis=0) where the channels "
            "come first, as in torchaudio."
        )
    return sounds


def _types_of_samples(X, n):
    """The name of the type of numbers of each sound, as its container has it."""
    if isinstance(X, SequenceArray):
        return [""] * n
    kind = _type_of(X)
    return [kind] * n if kind != "object" else [_type_of(x) for x in X]


def _type_of(values):
    """The type of numbers in an array or table of any package, as numpy names it."""
    dtypes = values.dtypes if hasattr(values, "columns") else [_dtype_of(values)]
    kinds = {str(t).lower().removeprefix("torch.").partition("[")[0] for t in dtypes}
    return kinds.pop() if len(kinds) == 1 else ""


def _dtype_of(values):
    if isinstance(values, (list, tuple)):
        return "object"
    return values.dtype if hasattr(values, "dtype") else np.asarray(values).dtype


def hz_to_mel(f, htk):
    """Frequency in Hz on Slaney's scale or that of HTK."""
    if htk:
        return 2595 * np.log10(1 + f / 700)
    above = 15 + 27 * np.log(np.maximum(f, 1000) / 1000) / np.log(6.4)
    return np.where(f < 1000, f / (200 / 3), above)


def mel_to_hz(m, htk):
    """The inverse of `hz_to_mel`."""
    if htk:
        return 700 * (10 ** (m / 2595) - 1)
    above = 1000 * 6.4 ** ((np.maximum(m, 15) - 15) / 27)
    return np.where(m < 15, m * (200 / 3), above)


def _first_empty(edges, n_fft, sample_rate):
    """The first band within which no frequency of the transform lies, or None."""
    places = edges * (n_fft / sample_rate)  # in frequencies of the transform
    empty = np.floor(places[:-2]) + 1 >= places[2:]
    return int(np.argmax(empty)) if empty.any() else None


def _triangles(edges, n_fft, sample_rate, norm):
    """The weight of each frequency in each band, (n_mels, n_fft // 2 + 1)."""
    frequencies = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    low, peak, high = (edges[k : len(edges) - 2 + k, np.newaxis] for k in range(3))
    rising = (frequencies - low) / (peak - low)
    falling = (high - frequencies) / (high - peak)
    bank = np.maximum(0, np.minimum(rising, falling))
    return bank * (2 / (high - low)) if norm == "slaney" else bank
