"""How somebody proves who it is: the methods of a request, and what stands against a log-in."""
