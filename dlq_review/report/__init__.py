"""The weekly report: one HTML page with plots, which needs nothing else, for people who do not have the console."""
