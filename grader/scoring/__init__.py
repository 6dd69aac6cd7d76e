"""Points from verdicts."""
