"""One machine: the services from wheels, and every role as a child process."""
