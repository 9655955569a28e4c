"""What users call: the recurrent estimators."""
