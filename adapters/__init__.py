"""The outside: one technology a file, each translating its library's errors at this boundary."""
