"""The commands of `waste learn`: `add` describes one to the parser, `run` does it."""
