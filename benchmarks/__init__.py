"""The program against its own physical limit, and against what one would write instead."""
