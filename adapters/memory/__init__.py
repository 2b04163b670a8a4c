"""In-memory twins of the ports; they pass the behaviour suites of the real ones."""
