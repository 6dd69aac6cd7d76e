"""Result files of the platforms that `grade ci` runs on, and what they say about a submission."""
