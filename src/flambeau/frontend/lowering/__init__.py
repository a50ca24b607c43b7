"""What is done to the graph of a function when all its statements are emitted: loops, early exits, SSA form."""
