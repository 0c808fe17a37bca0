"""What is known of words: WordNet, how concrete they are, what sort of thing they name."""
