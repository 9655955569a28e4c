"""Who is speaking? Sequences of unequal length, nine classes, scikit-learn's tools.

Nine men say a Japanese vowel; each utterance is 7 to 29 steps of 12 cepstral
coefficients. `LSTMClassifier` stands at the end of a pipeline whose first step scales
every coefficient. Runs in seconds.
"""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier
from sklstm.datasets import load_japanese_vowels
from sklstm.preprocessing import TimeDistributed


def main():
    # Some fits stop at max_iter while the loss still falls slowly: meant to be so.
    warnings.simplefilter("ignore", ConvergenceWarning)

    X_train, y_train = load_japanese_vowels(subset="train", return_X_y=True)
    X_test, y_test = load_japanese_vowels(subset="test", return_X_y=True)
    print("train:", X_train)
    print("test: ", X_test)

    # A pipeline: the scaler sees the steps of all sequences as rows of one matrix.
    model = make_pipeline(
        TimeDistributed(StandardScaler()), LSTMClassifier(random_state=0)
    )
    model.fit(X_train, y_train)
    print(f"\naccuracy with the defaults: {model.score(X_test, y_test):.3f}")

    print("\nconfusion matrix, a row for each true speaker:")
    predicted = model.predict(X_test)
    print(confusion_matrix(y_test, predicted))
    print()
    print(classification_report(y_test, predicted, digits=3))

    # Probabilities: a list of arrays is as good as a SequenceArray.
    utterance = X_test[0]
    probabilities = model.predict_proba([utterance])[0]
    print(f"first utterance, of speaker {y_test[0]}, {len(utterance)} steps:")
    for speaker, probability in zip(model.classes_, probabilities, strict=True):
        print(f"  speaker {speaker}: {probability:.4f}")

    # The search sees the training utterances only; the test set judges its choice once.
    search = GridSearchCV(
        model,
        {
            "lstmclassifier__hidden_layer_sizes": [(32,), (64,), (64, 32)],
            "lstmclassifier__learning_rate_init": [0.003, 0.01],
        },
        cv=3,
        n_jobs=2,
    )
    search.fit(X_train, y_train)
    print("\ngrid search, mean accuracy of 3 folds:")
    results = search.cv_results_
    for score, parameters in zip(
        results["mean_test_score"], results["params"], strict=True
    ):
        values = {name.split("__")[1]: value for name, value in parameters.items()}
        print(f"  {score:.3f}  {values}")
    score = search.score(X_test, y_test)
    print(f"accuracy of the best of them on the test set: {score:.3f}")


if __name__ == "__main__":
    main()
