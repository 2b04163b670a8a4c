"""Where people meet what the fleet could not decide: the review lane and the failures lane."""
