"""HTTP as a client that is careful whom it asks, and as a server that is careful who asks."""
