"""Generated sequences with long lags between what is shown and what is asked.

Every generator takes a number of sequences and a ``numpy.random.Generator`` and returns
X, a list of arrays or an array (n, T, F), and y. The same state of the generator gives
the same data.
"""

import numpy as np


def adding(n, rng, *, T):
    """Adding problem: the sum of the two numbers that are marked.

    A step has a number, uniform in [0, 1], and a mark. One step of the first half is
    marked and one of the second. Who answers 1 always has a mean squared error of 1/6.
    Experiment 4 of Hochreiter & Schmidhuber (1997), in the form of Le, Jaitly & Hinton
    (2015).

    Returns
    -------
    X : ndarray of shape (n, T, 2)
    y : ndarray of shape (n,)
    """
    X = np.zeros((n, T, 2))
    X[:, :, 0] = rng.random((n, T))
    rows = np.arange(n)
    first, second = rng.integers(T // 2, size=n), rng.integers(T // 2, T, size=n)
    X[rows, first, 1] = X[rows, second, 1] = 1.0
    return X, X[rows, first, 0] + X[rows, second, 0]


#: First and last step at which the relevant symbols of `temporal_order` may stand.
_ORDER_SPANS = {2: [(10, 20), (50, 60)], 3: [(10, 20), (33, 43), (66, 76)]}


def temporal_order(n, rng, *, n_symbols):
    """Temporal order: in which order the two or three relevant symbols came.

    A string of 100 to 110 symbols begins with E, ends with B and consists of a, b, c
    and d at random, but for an X or a Y near step 15 and step 55 (of three: near 15, 38
    and 71). Symbols are one-hot. The classes are XX, XY, YX, YY (of three: 8 classes).
    Experiments 6a and 6b of Hochreiter & Schmidhuber (1997).

    Returns
    -------
    X : list of n ndarrays of shape (T_i, 8)
    y : ndarray of int, shape (n,)
    """
    a_to_d, X_and_Y, E, B = np.arange(4), np.array([4, 5]), 6, 7
    bits = rng.integers(2, size=(n, n_symbols))
    sequences = []
    for length, order in zip(rng.integers(100, 111, size=n), bits):
        string = rng.choice(a_to_d, size=length)
        string[0], string[-1] = E, B
        for bit, (low, high) in zip(order, _ORDER_SPANS[n_symbols]):
            string[rng.integers(low, high + 1)] = X_and_Y[bit]
        sequences.append(_one_hot(string, 8))
    return sequences, bits @ (1 << np.arange(n_symbols)[::-1])


def copy_memory(n, rng, *, n_symbols, delay, alphabet=8):
    """Copy memory: say again the symbols that were shown before a long pause.

    `n_symbols` of an alphabet of 8, then `delay` blanks, then a cue. All symbols are to
    be recalled, in order. Where Hochreiter & Schmidhuber (1997) and Arjovsky, Shah &
    Bengio (2016) let a network write them one by one after the cue, ours gives one
    output for a sequence; it has to write all of them at the cue: a multilabel target
    with `alphabet` labels for each place, one of them true.

    Returns
    -------
    X : ndarray of shape (n, n_symbols + delay + 1, alphabet + 2)
    y : ndarray of int, shape (n, n_symbols * alphabet)
    """
    blank, cue = alphabet, alphabet + 1
    strings = np.full((n, n_symbols + delay + 1), blank)
    strings[:, :n_symbols] = rng.integers(alphabet, size=(n, n_symbols))
    strings[:, -1] = cue
    labels = _one_hot(strings[:, :n_symbols], alphabet).astype(int)
    return _one_hot(strings, alphabet + 2), labels.reshape(n, -1)


#: Reber's grammar: from each state the symbols that may follow and where they lead.
_REBER = [
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
]
_REBER_SYMBOLS = "BTSXPVE"


def embedded_reber(n, rng):
    """Embedded Reber grammar: which symbols may come next.

    A string is B, then T or P, then a string of Reber's grammar, then the second symbol
    again, then E. Each sequence is the beginning of such a string, cut at random; the
    target is the set of symbols that may follow, a multilabel target. After the inner
    string the second symbol must be remembered, over 5 steps or more; a network
    that forgets it is wrong there, in about one of ten sequences. Experiment 1 of
    Hochreiter & Schmidhuber (1997), which asks at every step.

    Returns
    -------
    X : list of n ndarrays of shape (T_i, 7)
    y : ndarray of int, shape (n, 7)
    """
    sequences, sets = [], np.zeros((n, len(_REBER_SYMBOLS)), dtype=int)
    for row in range(n):
        string, followers = _reber_string(rng)
        cut = rng.integers(1, len(string))
        symbols = [_REBER_SYMBOLS.index(symbol) for symbol in string[:cut]]
        sequences.append(_one_hot(np.array(symbols), len(_REBER_SYMBOLS)))
        for symbol in followers[cut]:
            sets[row, _REBER_SYMBOLS.index(symbol)] = 1
    return sequences, sets


def _reber_string(rng):
    """A string of the embedded grammar, and what may stand at each of its places."""
    second = "TP"[rng.integers(2)]
    string, followers = ["B", second], ["B", "TP"]
    state = 0
    while state < len(_REBER):
        choices = list(_REBER[state])
        string.append(choices[rng.integers(len(choices))])
        followers.append(choices)
        state = _REBER[state][string[-1]]
    return [*string, second, "E"], [*followers, second, "E"]


def parity(n, rng, *, longest):
    """Parity: whether the number of ones is odd.

    Bit strings of 1 to `longest` bits, all lengths alike; short ones show the rule that
    long ones need. Every bit counts, none may be missed. Hochreiter & Schmidhuber
    (1996, "Guessing can outperform many long time lag algorithms") used strings of 500
    and more; here it is a task on sequences of unequal length.

    Returns
    -------
    X : list of n ndarrays of shape (T_i, 1)
    y : ndarray of int, shape (n,)
    """
    bits = [rng.integers(2, size=T) for T in rng.integers(1, longest + 1, size=n)]
    return [b[:, np.newaxis].astype(float) for b in bits], [b.sum() % 2 for b in bits]


def _one_hot(symbols, n_symbols):
    return np.eye(n_symbols)[symbols]
