"""Freeze librosa's numbers: `python tests/data/make_librosa_numbers.py` in an
environment with librosa writes librosa_mel.npz beside this file, in float64: a sound,
its filter banks and its log-mel frames."""

from pathlib import Path

import numpy as np

PATH = Path(__file__).parent / "librosa_mel.npz"
# What LogMel is given, in samples.
CASES = {
    "slaney": {"sample_rate": 16000, "n_mels": 40, "win_length": 400,
               "hop_length": 160, "n_fft": 512},
    "eight_kilohertz": {"sample_rate": 8000, "n_mels": 23, "win_length": 200,
                        "hop_length": 80, "n_fft": 256, "fmin": 64, "fmax": 3800},
    "htk": {"sample_rate": 16000, "n_mels": 26, "win_length": 400, "hop_length": 160,
            "n_fft": 512, "htk": True, "norm": None, "window": "hamming"},
    "odd_window": {"sample_rate": 8000, "n_mels": 20, "win_length": 201,
                   "hop_length": 77, "n_fft": 512, "htk": True},
    "odd_transform": {"sample_rate": 8000, "n_mels": 15, "win_length": 200,
                      "hop_length": 77, "n_fft": 243},
    "whole": {"sample_rate": 22050, "n_mels": 30, "win_length": 512,
              "hop_length": 300, "n_fft": 512, "center": False},
}  # fmt: skip
AMIN = 1e-10


def sound():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(1500) * np.linspace(0, 0.2, 1500)
    return np.where(np.arange(1500) < 300, 0, noise)


def main():
    import librosa

    y = sound()
    numbers = {"sound": y}
    for name, case in CASES.items():
        case = {"center": True, "window": "hann", **case}
        n_fft = case["n_fft"]
        spectrum = librosa.stft(
            y, n_fft=n_fft, hop_length=case["hop_length"],
            win_length=case["win_length"], window=case["window"],
            center=case["center"], dtype=np.complex128,
        )  # fmt: skip
        options = {k: case[k] for k in ("fmin", "fmax", "htk", "norm") if k in case}
        bank = librosa.filters.mel(
            sr=case["sample_rate"], n_fft=n_fft, n_mels=case["n_mels"],
            dtype=np.float64, **options,
        )  # fmt: skip
        power = bank @ np.abs(spectrum) ** 2
        numbers[f"{name}_bank"] = bank
        numbers[name] = np.log(np.maximum(AMIN, power)).T
    np.savez_compressed(PATH, **numbers)


if __name__ == "__main__":
    main()
