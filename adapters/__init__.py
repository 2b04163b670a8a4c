"""The outside: one technology a folder, each translating its library's errors at this boundary."""
