"""scikit-learn's plumbing: callbacks, turns of fits, versions of what is saved."""
