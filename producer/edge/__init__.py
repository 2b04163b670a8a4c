"""`waste edge`: the program of one bin. It keeps each picture before it sends it, and sends it until the gateway has its event."""
