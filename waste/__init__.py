"""The `waste` command: finds the program that a subcommand names."""
