"""Reference runs -> Expected, with bands; and the proof that an assignment is sound."""
