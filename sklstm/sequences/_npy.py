"""Sequences in a folder of files of NumPy, which are read when they are needed."""

import re
from functools import lru_cache
from pathlib import Path

import numpy as np

from ._rows import Rows
from ._stacking import as_offsets

# Behind the name of a file, for where the sequences in it begin.
OFFSETS = ".offsets.npy"


class NpyFile:
    """The steps of sequences in a file as a matrix (rows, F), which is mapped into
    memory when it is needed. A pickle has the path."""

    def __init__(self, path):
        self.path = path
        self.stamp = self.token  # so that a hash is that of this content
        data = _as_matrix(_opened(*self.stamp))
        self.shape, self.dtype = data.shape, data.dtype

    @property
    def token(self):
        """What it is known by: another one once it is written to."""
        return _token_of(self.path)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        data = _as_matrix(_opened(*self.token))
        if (data.shape, data.dtype) != (self.shape, self.dtype):
            raise ValueError(
                f"{self.path} was changed: it had {self.shape} numbers of type "
                f"{self.dtype}, now {data.shape} of type {data.dtype}. Open it anew."
            )
        return data[rows]


def _token_of(path):
    """A file as it is now: its path, when it was written to, and its size."""
    status = path.stat()
    return str(path), status.st_mtime_ns, status.st_size


# A process may have some hundred files open, and a map has one.
@lru_cache(maxsize=64)
def _opened(path, modified, size):
    """The array in a file that has this token."""
    return mapped(path)


def _as_matrix(data):
    """Steps (rows, F) of the array of a file."""
    if data.ndim == 1:
        return data[:, np.newaxis]
    # no copy, or there would be no 3-D array in the order of Fortran
    return data.reshape(-1, data.shape[-1])


def mapped(path):
    """The array in a file, in memory as far as it is read."""
    try:
        data = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise ValueError(
            f"{path} cannot be read as an array of numbers: {error}"
        ) from error
    if data.dtype.kind not in "biuf":
        raise ValueError(
            f"{path} holds {data.dtype}, which are no real numbers. Write them with "
            "numpy.save of an array of floats."
        )
    return data


def stack_npy(folder, pattern):
    """Rows and offsets (n + 1,) of the sequences in the files of a folder."""
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder.")
    paths = sorted(
        (path for path in folder.glob(pattern) if not path.name.endswith(OFFSETS)),
        key=lambda path: _natural(path.name),
    )
    if not paths:
        raise FileNotFoundError(f"There is no file {pattern} in {folder}.")
    files, lengths = [], []
    for path in paths:
        lengths.append(_lengths(path))
        files.append(NpyFile(path))
        width = files[-1].shape[1]
        if width != files[0].shape[1]:
            raise ValueError(
                f"{path} has {width} features, but {files[0].shape[1]} are expected "
                f"as in {paths[0].name}. All sequences need the same features."
            )
    return Rows.of(files), as_offsets(np.concatenate(lengths))


def _natural(name):
    """A key by which part-9 comes before part-10."""
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in re.split(r"(\d+)", name)
    ]


def _lengths(path):
    """Steps of each sequence in a file."""
    data, beside = _opened(*_token_of(path)), path.with_name(path.stem + OFFSETS)
    if not 1 <= data.ndim <= 3 or data.ndim > 1 and not data.shape[-1]:
        raise ValueError(
            f"{path} holds an array of shape {data.shape}; expected (n_sequences, "
            "n_steps, n_features), (n_steps, n_features) or (n_steps,)."
        )
    if data.ndim == 3 and not data.flags.c_contiguous:
        raise ValueError(
            f"{path} holds a 3-D array in the order of Fortran, whose steps do not lie "
            "one after the other. Write it with "
            "numpy.save(path, numpy.ascontiguousarray(array))."
        )
    if beside.exists():
        offsets = mapped(beside)
        if data.ndim == 3:
            raise ValueError(
                f"{beside.name} is of no use: {path.name} holds an array of shape "
                f"{data.shape}, whose sequences all have {data.shape[1]} steps."
            )
        if offsets.ndim != 1 or not len(offsets) or offsets.dtype.kind not in "iu":
            raise ValueError(
                f"{beside} must hold a vector of integers, got shape {offsets.shape} "
                f"and dtype {offsets.dtype}."
            )
        lengths = np.diff(offsets.astype(np.intp))
        if offsets[0] != 0 or offsets[-1] != len(data) or (lengths < 0).any():
            raise ValueError(
                f"{beside} must rise from 0 to {len(data)}, the number of rows of "
                f"{path.name}, without a fall; got {offsets[0]} to {offsets[-1]}."
            )
        return lengths
    if data.ndim < 3:
        return np.array([len(data)], np.intp)
    return np.full(len(data), data.shape[1], np.intp)
