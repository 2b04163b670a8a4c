"""The review desk's pages and its JSON API: server-rendered HTML that works before any script runs."""
