"""What the fleet's programs say to each other: events, outcomes, ports and errors. No I/O, no settings, no clock."""
