"""A caption as text: its words and their tags, its grammar, English spelling."""
