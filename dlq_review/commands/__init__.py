"""What the command line does at the desk: one file a kind of work. Each function takes its options and the desk."""
