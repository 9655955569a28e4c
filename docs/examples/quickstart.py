"""The main job in twenty lines: who of nine speakers says a Japanese vowel?"""

from time import perf_counter

from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed


def main():
    X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    print(X_train)

    model = make_pipeline(
        TimeDistributed(StandardScaler()), LSTMClassifier(random_state=0)
    )
    start = perf_counter()
    model.fit(X_train, y_train)
    print(model)
    print(f"fitted in {perf_counter() - start:.2f} s, {model[-1].n_iter_} epochs")
    print(f"test accuracy: {model.score(X_test, y_test):.3f}")

    start = perf_counter()
    sizes = {"lstmclassifier__hidden_layer_sizes": [(32,), (64,), (64, 32)]}
    search = GridSearchCV(model, sizes, n_jobs=2).fit(X_train, y_train)
    print(f"best of {len(sizes.popitem()[1])} networks: {search.best_params_}")
    print(f"5-fold accuracy: {search.best_score_:.3f}, {perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
