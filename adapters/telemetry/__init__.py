"""Facts become log lines, metrics and traces here and nowhere else."""
