"""Models on trial: what is in the registry, and who moves it to where."""
